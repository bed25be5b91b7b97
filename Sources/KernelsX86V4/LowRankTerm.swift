import _Builtin_intrinsics.intel

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

  /// The term of some tokens. One sum after the other: what `addLowRank` of KernelsX86V3 computes, bit for bit.
  @inline(__always) func sums<let Tokens: Int>(token: Int) -> InlineArray<Tokens, F512> {
    var sums = InlineArray<Tokens, F512>(repeating: splat512(0))
    for k in 0..<rank {
      let b = loadFloats16(panel, 16 * k)
      for t in 0..<Tokens { sums[t] = fma(b, splat512(h[(token + t) * hStride + k]), sums[t]) }
    }
    return sums
  }
}
