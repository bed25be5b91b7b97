/// A low-rank term of a tile: `b · h[token]`, for the same 16 rows.
public struct LowRankTerm {
  /// `[rank][16 rows]`, as `packLowRank` writes it.
  public let panel: UnsafePointer<Float>
  public let rank: Int
  /// `[token][hStride]`
  public let h: UnsafePointer<Float>
  public let hStride: Int
  /// A factor for each of the 16 rows; nil: all 1.
  public let gain: UnsafePointer<Float>?

  public init(
    panel: UnsafePointer<Float>, rank: Int, h: UnsafePointer<Float>, hStride: Int, gain: UnsafePointer<Float>?
  ) {
    self.panel = panel
    self.rank = rank
    self.h = h
    self.hStride = hStride
    self.gain = gain
  }

  /// The term of some tokens. One sum after the other: what `addLowRank` computes, bit for bit.
  @inline(__always) func sums<let Tokens: Int>(token: Int) -> TileSums<Tokens> {
    var sums = TileSums<Tokens>()
    multiplyFloats(panel, rank, h + token * hStride, stride: hStride, &sums)
    if let gain { sums.multiply(gain) }
    return sums
  }
}

/// Up to 16 rows of a low-rank factor as `[rank][16 rows]`: `LowRankTerm.panel`.
public func packLowRank(
  type: UInt32, weights b: UnsafeRawPointer, rowBytes: Int, rows: Int, rank: Int,
  into panel: UnsafeMutablePointer<Float>
) {
  switch type {
  case 0: packPanel(F32Format.self, b, rowBytes: rowBytes, rows: rows, first: 0, count: rank, into: panel)
  case 1: packPanel(F16Format.self, b, rowBytes: rowBytes, rows: rows, first: 0, count: rank, into: panel)
  case 30: packPanel(BF16Format.self, b, rowBytes: rowBytes, rows: rows, first: 0, count: rank, into: panel)
  case 8: packPanel(Q8_0Factor.self, b, rowBytes: rowBytes, rows: rows, first: 0, count: rank, into: panel)
  default: preconditionFailure("no low-rank kernel for tensor type \(type)")
  }
}
