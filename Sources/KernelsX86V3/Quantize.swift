import _Builtin_intrinsics.intel

// Activations as integers: each 32 consecutive values share one float scale, and with 8 bits a center as well.

/// 32 consecutive values.
struct Block32 {
  let v0: F256, v1: F256, v2: F256, v3: F256

  @inline(__always) init(_ v0: F256, _ v1: F256, _ v2: F256, _ v3: F256) {
    self.v0 = v0
    self.v1 = v1
    self.v2 = v2
    self.v3 = v3
  }

  @inline(__always) init(_ x: UnsafePointer<Float>) {
    v0 = loadFloats(x)
    v1 = loadFloats(x, 8)
    v2 = loadFloats(x, 16)
    v3 = loadFloats(x, 24)
  }

  @inline(__always) var largest: Float {
    let m = _mm256_max_ps(_mm256_max_ps(v0, v1), _mm256_max_ps(v2, v3))
    let four = _mm_max_ps(m.lowHalf, m.highHalf)
    return max(max(four.x, four.y), max(four.z, four.w))
  }

  @inline(__always) var smallest: Float {
    let m = _mm256_min_ps(_mm256_min_ps(v0, v1), _mm256_min_ps(v2, v3))
    let four = _mm_min_ps(m.lowHalf, m.highHalf)
    return min(min(four.x, four.y), min(four.z, four.w))
  }

  /// `(x − center) × inverse`, rounded to the nearest integers.
  @inline(__always) func rounded(center: Float, inverse: Float) -> SIMD32<Int16> {
    let c = splat(center), k = splat(inverse)
    let q0 = _mm256_cvtps_epi32((v0 - c) * k), q1 = _mm256_cvtps_epi32((v1 - c) * k)
    let q2 = _mm256_cvtps_epi32((v2 - c) * k), q3 = _mm256_cvtps_epi32((v3 - c) * k)
    // packs interleaves the 128-bit halves: put the 64-bit quarters back in order.
    let a = _mm256_packs_epi32(q0, q1), b = _mm256_packs_epi32(q2, q3)
    let low = I256(a.x, a.z, a.y, a.w), high = I256(b.x, b.z, b.y, b.w)
    return SIMD32(
      lowHalf: unsafeBitCast(low, to: SIMD16<Int16>.self),
      highHalf: unsafeBitCast(high, to: SIMD16<Int16>.self))
  }
}

/// Without the signs.
@inline(__always) func magnitude(_ v: F256) -> F256 {
  _mm256_and_ps(v, unsafeBitCast(_mm256_set1_epi32(0x7FFF_FFFF), to: F256.self))
}

@inline(__always) func largestLane(_ v: F256) -> Float {
  let four = _mm_max_ps(v.lowHalf, v.highHalf)
  let two = _mm_max_ps(four, SIMD4(four.z, four.w, four.z, four.w))
  return _mm_max_ps(two, SIMD4(repeating: two.y)).x
}

extension Block32 {
  @inline(__always) var largestMagnitude: Float { largestLane(magnitudes) }

  /// In each lane the largest of its four values.
  @inline(__always) var magnitudes: F256 {
    _mm256_max_ps(
      _mm256_max_ps(magnitude(v0), magnitude(v1)), _mm256_max_ps(magnitude(v2), magnitude(v3)))
  }

  /// Writes the 34 bytes of a block of Q8_0, whose scale is that of `largest`.
  @inline(__always) func writeQ8(_ target: UnsafeMutableRawPointer, largest: Float) {
    let scale = Float16(largest / 127)
    let values = rounded(center: 0, inverse: scale > 0 ? 1 / Float(scale) : 0)
    // Too small a scale is rounded coarsely: saturate.
    let packed = _mm256_packs_epi16(
      unsafeBitCast(values.lowHalf, to: I256.self), unsafeBitCast(values.highHalf, to: I256.self))
    target.storeBytes(of: scale, as: Float16.self)
    target.storeBytes(of: I256(packed.x, packed.z, packed.y, packed.w), toByteOffset: 2, as: I256.self)
  }
}

@inline(__always) private func sumOfLanes(_ v: SIMD16<Int16>) -> Float {
  let pairs = _mm256_madd_epi16(unsafeBitCast(v, to: I256.self), splat16(1))
  let four = _mm_add_epi32(pairs.lowHalf, pairs.highHalf)
  let lanes = unsafeBitCast(four, to: SIMD4<Int32>.self)
  return Float(lanes.x &+ lanes.y &+ lanes.z &+ lanes.w)
}

/// Quantizes `count` floats (a multiple of 32) to 16 bits: `x ≈ scale × q`.
///
/// Each block of 32 is stored as its 16 even-numbered elements, then its 16 odd-numbered ones: the order in which
/// 16-bit lanes of packed nibbles come apart with one shift and mask. `sums32` and `sums16` receive
/// scale × Σ q over each 32 and each 16 consecutive elements.
public func quantize16(
  _ x: UnsafePointer<Float>, count: Int, into q: UnsafeMutablePointer<Int16>,
  scales: UnsafeMutablePointer<Float>, sums32: UnsafeMutablePointer<Float>,
  sums16: UnsafeMutablePointer<Float>
) {
  for block in 0..<count / 32 {
    let floats = Block32(x + 32 * block)
    let largest = floats.largestMagnitude
    let scale = largest / 32767
    let values = floats.rounded(center: 0, inverse: largest > 0 ? 32767 / largest : 0)
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

/// Quantizes `count` floats (a multiple of 32) to 8 bits, in order: `x ≈ center + scale × q`.
///
/// The center is midway between the block's extremes, so that one outlier does not cost the others half their
/// precision. Scales and sums as in `quantize16`; the sums leave the center out.
///
/// `bias` 128 stores unsigned codes, `q + 128`, and measures centers and sums from there: `x ≈ minimum + scale × u`.
public func quantize8(
  _ x: UnsafePointer<Float>, count: Int, into q: UnsafeMutableRawPointer,
  scales: UnsafeMutablePointer<Float>, centers: UnsafeMutablePointer<Float>,
  sums32: UnsafeMutablePointer<Float>, sums16: UnsafeMutablePointer<Float>, bias: Int
) {
  for block in 0..<count / 32 {
    let floats = Block32(x + 32 * block)
    let range = Range8(largest: floats.largest, smallest: floats.smallest)
    centers[block] = range.center - range.scale * Float(bias)
    scales[block] = range.scale
    store8(floats, range, q + 32 * block, sums32 + block, sums16 + 2 * block, bias: bias)
  }
}

/// As `quantize8`, for a multiple of 64 floats, of which each 64 share a scale and a center.
public func quantizePairs(
  _ x: UnsafePointer<Float>, count: Int, into q: UnsafeMutableRawPointer,
  scales: UnsafeMutablePointer<Float>, centers: UnsafeMutablePointer<Float>,
  sums32: UnsafeMutablePointer<Float>, sums16: UnsafeMutablePointer<Float>, bias: Int
) {
  for pair in 0..<count / 64 {
    let first = Block32(x + 64 * pair), second = Block32(x + 64 * pair + 32)
    let range = Range8(
      largest: max(first.largest, second.largest), smallest: min(first.smallest, second.smallest))
    centers[pair] = range.center - range.scale * Float(bias)
    scales[pair] = range.scale
    store8(first, range, q + 64 * pair, sums32 + 2 * pair, sums16 + 4 * pair, bias: bias)
    store8(second, range, q + 64 * pair + 32, sums32 + 2 * pair + 1, sums16 + 4 * pair + 2, bias: bias)
  }
}

/// The extremes of what shares an 8-bit scale.
private struct Range8 {
  let center: Float
  let scale: Float
  let inverse: Float

  @inline(__always) init(largest: Float, smallest: Float) {
    center = (largest + smallest) / 2
    let reach = (largest - smallest) / 2
    scale = reach / 127
    inverse = reach > 0 ? 127 / reach : 0
  }
}

/// Codes and sums of one block.
@inline(__always)
private func store8(
  _ floats: Block32, _ range: Range8, _ q: UnsafeMutableRawPointer, _ sum32: UnsafeMutablePointer<Float>,
  _ sums16: UnsafeMutablePointer<Float>, bias: Int
) {
  let flip = splat8(Int8(truncatingIfNeeded: bias))
  let values = floats.rounded(center: range.center, inverse: range.inverse)
  let packed = _mm256_packs_epi16(
    unsafeBitCast(values.lowHalf, to: I256.self), unsafeBitCast(values.highHalf, to: I256.self))
  q.storeBytes(of: _mm256_xor_si256(I256(packed.x, packed.z, packed.y, packed.w), flip), as: I256.self)
  let base = Float(16 * bias)
  let first = range.scale * (sumOfLanes(values.lowHalf) + base)
  let second = range.scale * (sumOfLanes(values.highHalf) + base)
  sum32[0] = first + second
  sums16[0] = first
  sums16[1] = second
}
