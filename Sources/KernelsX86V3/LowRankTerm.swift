/// A low-rank term of a tile: `b · h[token]`, for the same 16 rows.
public struct LowRankTerm {
  /// `[rank][16 rows]`, as `packLowRank` writes it.
  let panel: UnsafePointer<Float>
  let rank: Int
  /// `[token][hStride]`
  let h: UnsafePointer<Float>
  let hStride: Int

  public init(panel: UnsafePointer<Float>, rank: Int, h: UnsafePointer<Float>, hStride: Int) {
    self.panel = panel
    self.rank = rank
    self.h = h
    self.hStride = hStride
  }

  /// The term of some tokens. One sum after the other: what `addLowRank` computes, bit for bit.
  @inline(__always) func sums<let Tokens: Int>(token: Int) -> TileSums<Tokens> {
    var sums = TileSums<Tokens>()
    multiplyFloats(panel, rank, h + token * hStride, stride: hStride, &sums)
    return sums
  }
}

/// Up to 16 rows of a low-rank factor of float weights as `[rank][16 rows]`: `LowRankTerm.panel`.
public func packLowRank(
  type: UInt32, weights b: UnsafeRawPointer, rowBytes: Int, rows: Int, rank: Int,
  into panel: UnsafeMutablePointer<Float>
) {
  switch type {
  case 0: packPanel(F32Format.self, b, rowBytes: rowBytes, rows: rows, first: 0, count: rank, into: panel)
  case 1: packPanel(F16Format.self, b, rowBytes: rowBytes, rows: rows, first: 0, count: rank, into: panel)
  case 30: packPanel(BF16Format.self, b, rowBytes: rowBytes, rows: rows, first: 0, count: rank, into: panel)
  default: preconditionFailure("no low-rank kernel for tensor type \(type)")
  }
}
