import CProcessor
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
      let first = split(loadFloats16(x, 256 * block + 32 * sub) * inverse)
      let second = split(loadFloats16(x, 256 * block + 32 * sub + 16) * inverse)
      let all = mullama_join(join(first.high, second.high), join(first.low, second.low))
      UnsafeMutableRawPointer(codes + 64 * at).storeBytes(of: all, as: I512.self)
      // Signed bytes, 128 apart from unsigned ones.
      let totals = sumsOf16(_mm512_xor_si512(all, bytes512(0x80))) &- 16 * 128
      let total0 = Int32(truncatingIfNeeded: 256 &* totals[0] &+ totals[2])
      let total1 = Int32(truncatingIfNeeded: 256 &* totals[1] &+ totals[3])
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

/// Sixteen rounded numbers as high and low bytes.
@inline(__always) private func split(_ v: F512) -> (high: I128, low: I128) {
  let q = _mm512_cvtps_epi32(v)
  // The low byte is signed: half of it is carried into the high one.
  let top = _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(128)), 8)
  return (_mm512_cvtepi32_epi8(top), _mm512_cvtepi32_epi8(q))
}
