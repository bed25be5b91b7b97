import _Builtin_intrinsics.intel

// Activations as integers: each 32 consecutive values share one float scale, `x[i] ≈ scale × q[i]`.

/// One block of 32 rounded to integers of magnitude at most `limit`.
@inline(__always)
private func quantizeBlock(_ x: UnsafePointer<Float>, limit: Float) -> (SIMD32<Int16>, scale: Float) {
  let v0 = loadFloats(x), v1 = loadFloats(x, 8), v2 = loadFloats(x, 16), v3 = loadFloats(x, 24)
  let signBits = splat(-0.0)
  let m = _mm256_max_ps(
    _mm256_max_ps(_mm256_andnot_ps(signBits, v0), _mm256_andnot_ps(signBits, v1)),
    _mm256_max_ps(_mm256_andnot_ps(signBits, v2), _mm256_andnot_ps(signBits, v3)))
  let four = _mm_max_ps(m.lowHalf, m.highHalf)
  let largest = max(max(four.x, four.y), max(four.z, four.w))
  let inverse = splat(largest > 0 ? limit / largest : 0)
  let q0 = _mm256_cvtps_epi32(v0 * inverse), q1 = _mm256_cvtps_epi32(v1 * inverse)
  let q2 = _mm256_cvtps_epi32(v2 * inverse), q3 = _mm256_cvtps_epi32(v3 * inverse)
  // packs interleaves the 128-bit halves: put the 64-bit quarters back in order.
  let a = _mm256_packs_epi32(q0, q1), b = _mm256_packs_epi32(q2, q3)
  let low = I256(a.x, a.z, a.y, a.w), high = I256(b.x, b.z, b.y, b.w)
  return (
    SIMD32(
      lowHalf: unsafeBitCast(low, to: SIMD16<Int16>.self), highHalf: unsafeBitCast(high, to: SIMD16<Int16>.self)),
    largest / limit
  )
}

@inline(__always) private func sumOfLanes(_ v: SIMD16<Int16>) -> Float {
  let pairs = _mm256_madd_epi16(unsafeBitCast(v, to: I256.self), splat16(1))
  return Float(unsafeBitCast(pairs, to: SIMD8<Int32>.self).wrappedSum())
}

/// Quantizes `count` floats (a multiple of 32) to 16 bits.
///
/// Each block of 32 is stored as its 16 even-numbered elements, then its 16 odd-numbered ones: the order in which
/// 16-bit lanes of packed nibbles come apart with one shift and mask. `sums32` and `sums16` receive
/// scale × Σ q over each 32 and each 16 consecutive elements.
public func quantize16(
  _ x: UnsafePointer<Float>, count: Int, into q: UnsafeMutablePointer<Int16>,
  scales: UnsafeMutablePointer<Float>, sums32: UnsafeMutablePointer<Float>, sums16: UnsafeMutablePointer<Float>
) {
  for block in 0..<count / 32 {
    let (values, scale) = quantizeBlock(x + 32 * block, limit: 32767)
    let target = UnsafeMutableRawPointer(q + 32 * block)
    target.storeBytes(of: values.evenHalf, as: SIMD16<Int16>.self)
    target.storeBytes(of: values.oddHalf, toByteOffset: 32, as: SIMD16<Int16>.self)
    let first = scale * sumOfLanes(values.lowHalf), second = scale * sumOfLanes(values.highHalf)
    scales[block] = scale
    sums32[block] = first + second
    sums16[2 * block] = first
    sums16[2 * block + 1] = second
  }
}

/// Quantizes `count` floats (a multiple of 32) to 8 bits, in order; scales and sums as in `quantize16`.
public func quantize8(
  _ x: UnsafePointer<Float>, count: Int, into q: UnsafeMutablePointer<Int8>,
  scales: UnsafeMutablePointer<Float>, sums32: UnsafeMutablePointer<Float>, sums16: UnsafeMutablePointer<Float>
) {
  for block in 0..<count / 32 {
    let (values, scale) = quantizeBlock(x + 32 * block, limit: 127)
    let bytes = SIMD32<Int8>(truncatingIfNeeded: values)
    UnsafeMutableRawPointer(q + 32 * block).storeBytes(of: bytes, as: SIMD32<Int8>.self)
    let first = scale * sumOfLanes(values.lowHalf), second = scale * sumOfLanes(values.highHalf)
    scales[block] = scale
    sums32[block] = first + second
    sums16[2 * block] = first
    sums16[2 * block + 1] = second
  }
}
