import _Builtin_intrinsics.intel

// The vocabulary of this target: 256-bit registers and the few moves that the intrinsics headers offer
// only as macros (which Swift cannot import), written with SIMD types that compile to one instruction.

/// 256 bits of integers; lanes are what the instruction says they are.
typealias I256 = __m256i
/// Eight floats.
typealias F256 = __m256
/// 128 bits of integers.
typealias I128 = __m128i

@inline(__always) func load256(_ p: UnsafeRawPointer, _ offset: Int = 0) -> I256 {
  p.loadUnaligned(fromByteOffset: offset, as: I256.self)
}

@inline(__always) func load128(_ p: UnsafeRawPointer, _ offset: Int = 0) -> I128 {
  p.loadUnaligned(fromByteOffset: offset, as: I128.self)
}

@inline(__always) func loadFloats(_ p: UnsafePointer<Float>, _ index: Int = 0) -> F256 {
  UnsafeRawPointer(p + index).loadUnaligned(as: F256.self)
}

@inline(__always) func store(_ v: F256, _ p: UnsafeMutablePointer<Float>, _ index: Int = 0) {
  UnsafeMutableRawPointer(p + index).storeBytes(of: v, as: F256.self)
}

@inline(__always) func splat(_ x: Float) -> F256 { F256(repeating: x) }
@inline(__always) func splat8(_ x: Int8) -> I256 { _mm256_set1_epi8(x) }
@inline(__always) func splat16(_ x: Int16) -> I256 { _mm256_set1_epi16(x) }

@inline(__always) func join(_ low: I128, _ high: I128) -> I256 { I256(lowHalf: low, highHalf: high) }

@inline(__always) func fma(_ a: F256, _ b: F256, _ c: F256) -> F256 { _mm256_fmadd_ps(a, b, c) }
@inline(__always) func toFloat(_ v: I256) -> F256 { _mm256_cvtepi32_ps(v) }

/// The sum of the eight lanes.
@inline(__always) func horizontalSum(_ v: F256) -> Float {
  let four = v.lowHalf + v.highHalf
  let two = four.lowHalf + four.highHalf
  return two.x + two.y
}

/// One half-precision number at a byte offset, as a float.
@inline(__always) func half(_ p: UnsafeRawPointer, _ offset: Int) -> Float {
  Float(p.loadUnaligned(fromByteOffset: offset, as: Float16.self))
}

/// Eight half-precision numbers as floats.
@inline(__always) func loadHalves(_ p: UnsafeRawPointer, _ offset: Int = 0) -> F256 {
  _mm256_cvtph_ps(load128(p, offset))
}

/// Eight bfloat16 numbers as floats: the upper half of a float's bits.
@inline(__always) func loadBrainHalves(_ p: UnsafeRawPointer, _ offset: Int = 0) -> F256 {
  unsafeBitCast(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load128(p, offset)), 16), to: F256.self)
}

/// Transposes an 8 × 8 matrix of 32-bit units held in eight registers.
@inline(__always)
func transpose8(
  _ r0: I256, _ r1: I256, _ r2: I256, _ r3: I256, _ r4: I256, _ r5: I256, _ r6: I256, _ r7: I256
) -> (I256, I256, I256, I256, I256, I256, I256, I256) {
  let a0 = _mm256_unpacklo_epi32(r0, r1), a1 = _mm256_unpackhi_epi32(r0, r1)
  let a2 = _mm256_unpacklo_epi32(r2, r3), a3 = _mm256_unpackhi_epi32(r2, r3)
  let a4 = _mm256_unpacklo_epi32(r4, r5), a5 = _mm256_unpackhi_epi32(r4, r5)
  let a6 = _mm256_unpacklo_epi32(r6, r7), a7 = _mm256_unpackhi_epi32(r6, r7)
  let b0 = _mm256_unpacklo_epi64(a0, a2), b1 = _mm256_unpackhi_epi64(a0, a2)
  let b2 = _mm256_unpacklo_epi64(a1, a3), b3 = _mm256_unpackhi_epi64(a1, a3)
  let b4 = _mm256_unpacklo_epi64(a4, a6), b5 = _mm256_unpackhi_epi64(a4, a6)
  let b6 = _mm256_unpacklo_epi64(a5, a7), b7 = _mm256_unpackhi_epi64(a5, a7)
  return (
    join(b0.lowHalf, b4.lowHalf), join(b1.lowHalf, b5.lowHalf),
    join(b2.lowHalf, b6.lowHalf), join(b3.lowHalf, b7.lowHalf),
    join(b0.highHalf, b4.highHalf), join(b1.highHalf, b5.highHalf),
    join(b2.highHalf, b6.highHalf), join(b3.highHalf, b7.highHalf)
  )
}

@inline(__always) func bits(_ v: F256) -> I256 { unsafeBitCast(v, to: I256.self) }
@inline(__always) func floats(_ v: I256) -> F256 { unsafeBitCast(v, to: F256.self) }
