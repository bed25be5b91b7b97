import _Builtin_intrinsics.intel

/// A few rows of activations at 16 bits, split into bytes: `x ≈ scale × (256 × high + low)`, a scale for 256 columns.
/// Every array holds the rows of one block side by side: what a kernel reads together lies together.
public struct PlaneActivations {
  let columns: Int
  /// Rows side by side, of which a kernel may read the first few only.
  let rows: Int
  /// `[columns / 32][row][high, low][32]`
  let codes: UnsafePointer<Int8>
  /// `[columns / 256][row]`
  let scales: UnsafePointer<Float>
  /// Σ code over each 32, as three bytes, the highest first: `[columns / 256][row][byte][8]`.
  let sums: UnsafePointer<Int8>
  /// −Σ code over each 16: `[columns / 32][row][2]`.
  let negatives: UnsafePointer<Int32>

  public init(
    columns: Int, rows: Int, codes: UnsafePointer<Int8>, scales: UnsafePointer<Float>,
    sums: UnsafePointer<Int8>, negatives: UnsafePointer<Int32>
  ) {
    self.columns = columns
    self.rows = rows
    self.codes = codes
    self.scales = scales
    self.sums = sums
    self.negatives = negatives
  }
}

/// The largest code: its high byte must fit 8 bits after rounding.
private let reach: Float = 32512

/// Quantizes the `count` floats (a multiple of 256) of one of `rows` rows; the addresses are that row's.
public func quantizePlanes(
  _ x: UnsafePointer<Float>, count: Int, rows: Int, into codes: UnsafeMutablePointer<Int8>,
  scales: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Int8>,
  negatives: UnsafeMutablePointer<Int32>
) {
  for block in 0..<count / 256 {
    var most = splat512(0)
    for part in 0..<16 { most = _mm512_max_ps(most, _mm512_abs_ps(loadFloats16(x, 256 * block + 16 * part))) }
    let largest = _mm512_reduce_max_ps(most)
    let inverse = splat512(largest > 0 ? reach / largest : 0)
    scales[block * rows] = largest / reach
    for sub in 0..<8 {
      let at = (8 * block + sub) * rows
      let target = codes + 64 * at
      let first = loadFloats16(x, 256 * block + 32 * sub),
        second = loadFloats16(x, 256 * block + 32 * sub + 16)
      let total0 = split(first * inverse, target, target + 32)
      let total1 = split(second * inverse, target + 16, target + 48)
      negatives[2 * at] = -total0
      negatives[2 * at + 1] = -total1
      let bytes = sums + 24 * block * rows + sub
      // |Σ code| ≤ 32 × 32512 < 2²³: rounding carries nothing out of the highest byte.
      let middle = (total0 + total1 + 128) >> 8
      bytes[16] = Int8(truncatingIfNeeded: total0 + total1)
      bytes[8] = Int8(truncatingIfNeeded: middle)
      bytes[0] = Int8(truncatingIfNeeded: (middle + 128) >> 8)
    }
  }
}

/// Stores 16 rounded numbers as high and low bytes; returns their sum.
@inline(__always)
private func split(_ v: F512, _ high: UnsafeMutablePointer<Int8>, _ low: UnsafeMutablePointer<Int8>) -> Int32
{
  let q = _mm512_cvtps_epi32(v)
  // The low byte is signed: half of it is carried into the high one.
  let top = _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(128)), 8)
  UnsafeMutableRawPointer(high).storeBytes(of: _mm512_cvtepi32_epi8(top), as: I128.self)
  UnsafeMutableRawPointer(low).storeBytes(of: _mm512_cvtepi32_epi8(q), as: I128.self)
  return _mm512_reduce_add_epi32(q)
}
