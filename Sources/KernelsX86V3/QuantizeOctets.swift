import _Builtin_intrinsics.intel

// A single token's activations for decoding: 8 bits, with a scale for eight columns.

/// Four vectors are 32 columns.
private struct Columns32 {
  let v0: F256, v1: F256, v2: F256, v3: F256

  @inline(__always) init(_ x: UnsafePointer<Float>) {
    v0 = loadFloats(x)
    v1 = loadFloats(x, 8)
    v2 = loadFloats(x, 16)
    v3 = loadFloats(x, 24)
  }

  /// `x × inverse`, rounded, as bytes in order. `inverses`: those of quads 0, 2, 4, 6, 1, 3, 5, 7.
  @inline(__always) func codes(_ inverses: F256) -> I256 {
    @inline(__always) func rounded(_ v: F256, _ index: Int32) -> I256 {
      _mm256_cvtps_epi32(v * _mm256_permutevar_ps(inverses, _mm256_set1_epi32(index)))
    }
    let low = _mm256_packs_epi32(rounded(v0, 0), rounded(v1, 1))
    let high = _mm256_packs_epi32(rounded(v2, 2), rounded(v3, 3))
    return interleavedHalves(_mm256_packs_epi16(low, high))
  }
}

@inline(__always) private func absolute(_ v: F256) -> F256 {
  floats(_mm256_and_si256(bits(v), _mm256_set1_epi32(0x7FFF_FFFF)))
}

/// 32-bit lanes of the lower and the upper half in turn.
@inline(__always) private func interleavedHalves(_ v: I256) -> I256 {
  _mm256_permutevar8x32_epi32(v, I256(4 << 32, 1 | 5 << 32, 2 | 6 << 32, 3 | 7 << 32))
}

/// The largest of each four lanes of four vectors; `a`'s are lanes 0 and 4 of the result.
@inline(__always) private func largestOfQuads(_ a: F256, _ b: F256, _ c: F256, _ d: F256) -> F256 {
  let ab = _mm256_max_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b))
  let cd = _mm256_max_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d))
  let low = _mm256_unpacklo_epi64(bits(ab), bits(cd)), high = _mm256_unpackhi_epi64(bits(ab), bits(cd))
  return _mm256_max_ps(floats(low), floats(high))
}

/// The sums of the 32 codes, in eight lanes of four columns each.
@inline(__always) private func sumsOfQuads(_ codes: I256) -> F256 {
  toFloat(_mm256_madd_epi16(_mm256_maddubs_epi16(splat8(1), codes), splat16(1)))
}

/// Below this a scale's inverse would not be finite: such columns become zero.
private let smallestReach: Float = 1e-36

/// Quantizes `count` floats (a multiple of 256) to 8 bits, in order: `x ≈ scale × q`.
///
/// Scale `8 × i + j` belongs to columns `4 × j ..< 4 × j + 4` of the 32 columns from `64 × i` on, and to the same of the
/// next 32: after a kernel has multiplied bytes and added fours of them, those are what a 32-bit lane holds of two blocks
/// of weights. `sums16` receives Σ scale × q over each 16 columns, `integerSums` those over each 32 as integers, with one
/// of `integerSumScales` for 256 columns.
public func quantizeOctets(
  _ x: UnsafePointer<Float>, count: Int, into q: UnsafeMutablePointer<Int8>,
  scales: UnsafeMutablePointer<Float>, sums16: UnsafeMutablePointer<Float>,
  integerSums: UnsafeMutablePointer<Int16>, integerSumScales: UnsafeMutablePointer<Float>
) {
  for block in 0..<count / 256 {
    var sums32 = splat(0)
    for pair in 4 * block..<4 * block + 4 {
      let a = Columns32(x + 64 * pair), b = Columns32(x + 64 * pair + 32)
      let reach = largestOfQuads(
        _mm256_max_ps(absolute(a.v0), absolute(b.v0)), _mm256_max_ps(absolute(a.v1), absolute(b.v1)),
        _mm256_max_ps(absolute(a.v2), absolute(b.v2)), _mm256_max_ps(absolute(a.v3), absolute(b.v3)))
      let isTiny = reach .< smallestReach
      let inverses = (127 / reach).replacing(with: 0, where: isTiny)
      let scale = floats(interleavedHalves(bits((reach / 127).replacing(with: 0, where: isTiny))))
      store(scale, scales, 8 * pair)
      let first = a.codes(inverses), second = b.codes(inverses)
      let target = UnsafeMutableRawPointer(q + 64 * pair)
      target.storeBytes(of: first, as: I256.self)
      target.storeBytes(of: second, toByteOffset: 32, as: I256.self)
      let eights = _mm256_hadd_ps(sumsOfQuads(first) * scale, sumsOfQuads(second) * scale)
      let sixteens = _mm256_hadd_ps(eights, eights)
      let four = SIMD4(sixteens[0], sixteens[4], sixteens[1], sixteens[5])
      UnsafeMutableRawPointer(sums16 + 4 * pair).storeBytes(of: four, as: SIMD4<Float>.self)
      sums32[2 * (pair & 3)] = four.x + four.y
      sums32[2 * (pair & 3) + 1] = four.z + four.w
    }
    let reach = absolute(sums32).max()
    integerSumScales[block] = reach < smallestReach ? 0 : reach / 32767
    let integers = _mm256_cvtps_epi32(sums32 * (reach < smallestReach ? 0 : 32767 / reach))
    let packed = _mm_packs_epi32(integers.lowHalf, integers.highHalf)
    UnsafeMutableRawPointer(integerSums + 8 * block).storeBytes(of: packed, as: I128.self)
  }
}
