import _Builtin_intrinsics.intel

/// 512 bits of integers; lanes are what the instruction says they are.
typealias I512 = __m512i
/// Sixteen floats.
typealias F512 = __m512

@inline(__always) func load512(_ p: UnsafeRawPointer, _ offset: Int = 0) -> I512 {
  p.loadUnaligned(fromByteOffset: offset, as: I512.self)
}

@inline(__always) func loadFloats16(_ p: UnsafePointer<Float>, _ index: Int = 0) -> F512 {
  UnsafeRawPointer(p + index).loadUnaligned(as: F512.self)
}

/// Sixteen half-precision numbers as floats.
@inline(__always) func loadHalves16(_ p: UnsafeRawPointer, _ offset: Int = 0) -> F512 {
  _mm512_cvtph_ps(load256(p, offset))
}

@inline(__always) func storeFloats16(_ v: F512, _ p: UnsafeMutablePointer<Float>, _ index: Int = 0) {
  UnsafeMutableRawPointer(p + index).storeBytes(of: v, as: F512.self)
}

@inline(__always) func splat512(_ x: Float) -> F512 { F512(repeating: x) }
@inline(__always) func fma(_ a: F512, _ b: F512, _ c: F512) -> F512 { _mm512_fmadd_ps(a, b, c) }
@inline(__always) func toFloat(_ v: I512) -> F512 { _mm512_cvtepi32_ps(v) }

/// The same byte everywhere.
@inline(__always) func bytes512(_ x: UInt8) -> I512 { _mm512_set1_epi8(Int8(bitPattern: x)) }

/// Four bytes at `p`, in every 32-bit lane.
@inline(__always) func broadcast32(_ p: UnsafeRawPointer) -> I512 {
  _mm512_set1_epi32(p.loadUnaligned(as: Int32.self))
}

/// The sums of four times 16 unsigned bytes.
@inline(__always) func sumsOf16(_ bytes: I512) -> SIMD4<Int64> {
  let sums = _mm512_sad_epu8(bytes, _mm512_setzero_si512())
  return sums.evenHalf &+ sums.oddHalf
}
