import CProcessor
import _Builtin_intrinsics.intel

// `A·x` of one token, in 16-bit integers of x.

/// `h[row] = a[row] · x` for rows of Q8_0, which are read one after the other, as they lie in memory, and fetched ahead.
///
/// - Parameters:
///   - sharesScales: Does each second block have the scale of the one before, as `packFactorRows` writes them? Then their
///     products are one sum.
///   - scratch: `shortScratchBytes`
public func projectShorts(
  blocks w: UnsafeRawPointer, sharesScales: Bool, rowBytes: Int, rows: Int, columns: Int,
  _ x: UnsafePointer<Float>, into h: UnsafeMutablePointer<Float>, scratch: UnsafeMutableRawPointer
) {
  let scales = scratch.assumingMemoryBound(to: Float.self)
  let values = (scratch + scaleBytes(columns)).assumingMemoryBound(to: Int16.self)
  shorten(x, columns: columns, into: values, scales: scales)
  @inline(__always) func project(sharesScales: Bool) {
    for row in 0..<rows {
      h[row] = dot(w + row * rowBytes, sharesScales: sharesScales, columns: columns, values, scales)
    }
  }
  if sharesScales { project(sharesScales: true) } else { project(sharesScales: false) }
}

/// One row.
@inline(__always)
private func dot(
  _ row: UnsafeRawPointer, sharesScales: Bool, columns: Int, _ values: UnsafePointer<Int16>,
  _ scales: UnsafePointer<Float>
) -> Float {
  let pairs = columns / 64
  var a = splat(0), b = splat(0)
  var q = row
  @inline(__always) func add(_ pair: Int, _ q: UnsafeRawPointer, to sum: inout F256) {
    let x = values + 64 * pair, scale = splat(scales[pair])
    let first = dotBlock(q, x), second = dotBlock(q + 34, x + 32)
    if sharesScales {
      sum = fma(toFloat(_mm256_add_epi32(first, second)), splatHalf(q, 0) * scale, sum)
    } else {
      sum = fma(toFloat(first), splatHalf(q, 0) * scale, sum)
      sum = fma(toFloat(second), splatHalf(q, 34) * scale, sum)
    }
  }
  var pair = 0
  while pair + 2 <= pairs {
    mullama_prefetch(q + 2048)
    mullama_prefetch(q + 2048 + 64)
    add(pair, q, to: &a)
    add(pair + 1, q + 68, to: &b)
    pair += 2
    q += 136
  }
  if pair < pairs {
    add(pair, q, to: &a)
    q += 68
  }
  if columns % 64 != 0 {
    b = fma(toFloat(dotBlock(q, values + 64 * pairs)), splatHalf(q, 0) * splat(scales[pairs]), b)
  }
  return horizontalSum(a + b)
}

/// The products of a block's codes with 32 values, in eight lanes. Bound of two such: 64 / 8 × 127 × 2¹⁵ < 2³¹.
@inline(__always) private func dotBlock(_ q: UnsafeRawPointer, _ x: UnsafePointer<Int16>) -> I256 {
  @inline(__always) func product(_ i: Int) -> I256 {
    _mm256_madd_epi16(_mm256_cvtepi8_epi16(load128(q, 2 + i)), load256(x + i))
  }
  return _mm256_add_epi32(product(0), product(16))
}

/// What `projectShorts` needs.
func shortScratchBytes(columns: Int) -> Int { scaleBytes(columns) + 2 * columns }

/// Of scales, in whole cache lines.
private func scaleBytes(_ columns: Int) -> Int { (columns / 16 + 67) & ~63 }

/// `x ≈ scale × value`, where each 64 columns share a scale; the last 32 may have their own.
private func shorten(
  _ x: UnsafePointer<Float>, columns: Int, into values: UnsafeMutablePointer<Int16>,
  scales: UnsafeMutablePointer<Float>
) {
  for first in Swift.stride(from: 0, to: columns, by: 64) {
    let left = Block32(x + first)
    let right = first + 32 < columns ? Block32(x + first + 32) : left
    let largest = largestLane(_mm256_max_ps(left.magnitudes, right.magnitudes))
    // Less has no inverse.
    let isTiny = largest < 0x1p-100
    scales[first / 64] = isTiny ? 0 : largest / 32767
    let inverse = isTiny ? 0 : 32767 / largest
    let target = UnsafeMutableRawPointer(values + first)
    target.storeBytes(of: left.rounded(center: 0, inverse: inverse), as: SIMD32<Int16>.self)
    if first + 32 < columns {
      target.storeBytes(
        of: right.rounded(center: 0, inverse: inverse), toByteOffset: 64, as: SIMD32<Int16>.self)
    }
  }
}
