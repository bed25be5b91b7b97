import CProcessor
import _Builtin_intrinsics.intel

// `A·x` of one token.

/// In float32: blocks as a file has them. Rows are read one after the other, as they lie in memory, and fetched ahead: they are as many bytes
/// as a core reads in the time that they take.
public func projectFloats(
  blocks w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int, _ x: UnsafePointer<Float>,
  into h: UnsafeMutablePointer<Float>
) {
  for row in 0..<rows {
    let p = w + row * rowBytes
    var a = splat(0), b = splat(0)
    @inline(__always) func product(_ block: Int) -> F256 {
      let q = p + 34 * block
      @inline(__always) func codes(_ i: Int) -> F256 {
        let eight = q.loadUnaligned(fromByteOffset: 2 + 8 * i, as: Int64.self)
        return toFloat(_mm256_cvtepi8_epi32(I128(eight, 0)))
      }
      var sum = codes(0) * loadFloats(x, 32 * block)
      sum = fma(codes(1), loadFloats(x, 32 * block + 8), sum)
      sum = fma(codes(2), loadFloats(x, 32 * block + 16), sum)
      return fma(codes(3), loadFloats(x, 32 * block + 24), sum)
    }
    var block = 0
    while block + 2 <= columns / 32 {
      mullama_prefetch(p + 34 * block + 2048)
      a = fma(product(block), splat(half(p, 34 * block)), a)
      b = fma(product(block + 1), splat(half(p, 34 * block + 34)), b)
      block += 2
    }
    if block < columns / 32 { a = fma(product(block), splat(half(p, 34 * block)), a) }
    h[row] = horizontalSum(a + b)
  }
}

/// In 16-bit integers: blocks of which each two share a scale, as `packFactorRows` writes them. Half the steps of floats.
///
/// - Parameter scratch: `shortScratchBytes`
public func projectShorts(
  blocks w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int, _ x: UnsafePointer<Float>,
  into h: UnsafeMutablePointer<Float>, scratch: UnsafeMutableRawPointer
) {
  let scales = scratch.assumingMemoryBound(to: Float.self)
  let values = (scratch + scaleBytes(columns)).assumingMemoryBound(to: Int16.self)
  shorten(x, columns: columns, into: values, scales: scales)
  let pairs = columns / 64
  for row in 0..<rows {
    var q = w + row * rowBytes
    var a = splat(0), b = splat(0)
    /// The products of a block with columns from `first` on. Bound of four: 64 / 8 × 127 × 2¹⁵ < 2³¹.
    @inline(__always) func block(_ q: UnsafeRawPointer, _ first: Int) -> I256 {
      @inline(__always) func product(_ i: Int) -> I256 {
        _mm256_madd_epi16(_mm256_cvtepi8_epi16(load128(q, 2 + i)), load256(values + first + i))
      }
      return _mm256_add_epi32(product(0), product(16))
    }
    @inline(__always) func add(_ pair: Int, _ q: UnsafeRawPointer, to sum: inout F256) {
      let lanes = _mm256_add_epi32(block(q, 64 * pair), block(q + 34, 64 * pair + 32))
      sum = fma(toFloat(lanes), splat(half(q, 0) * scales[pair]), sum)
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
      b = fma(toFloat(block(q, 64 * pairs)), splat(half(q, 0) * scales[pairs]), b)
    }
    h[row] = horizontalSum(a + b)
  }
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
    let largest = max(left.largestMagnitude, right.largestMagnitude)
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
