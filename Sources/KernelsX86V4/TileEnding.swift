import KernelsX86V3
import _Builtin_intrinsics.intel

// What KernelsX86V3 does at the end of a tile, sixteen rows a register and with the same bits.

extension LowRankTerm {
  @inline(__always) func sums<let Tokens: Int>(token: Int) -> InlineArray<Tokens, F512> {
    var sums = InlineArray<Tokens, F512>(repeating: splat512(0))
    for k in 0..<rank {
      let b = loadFloats16(panel, 16 * k)
      for t in 0..<Tokens { sums[t] = fma(b, splat512(h[(token + t) * hStride + k]), sums[t]) }
    }
    if let gain {
      let factor = loadFloats16(gain, 0)
      for t in 0..<Tokens { sums[t] = sums[t] * factor }
    }
    return sums
  }
}

extension TileEnding {
  /// Ends the sums of the tokens from `token` on.
  @inline(__always) func end<let Tokens: Int>(_ sums: inout InlineArray<Tokens, F512>, token: Int) {
    @inline(__always) func add(_ term: LowRankTerm, _ sums: inout InlineArray<Tokens, F512>) {
      let more: InlineArray<Tokens, F512> = term.sums(token: token)
      for t in 0..<Tokens { sums[t] = sums[t] + more[t] }
    }
    @inline(__always) func add(_ vector: UnsafePointer<Float>, _ sums: inout InlineArray<Tokens, F512>) {
      let values = loadFloats16(vector, 0)
      for t in 0..<Tokens { sums[t] = sums[t] + values }
    }
    for term in inner { add(term, &sums) }
    if let gain {
      let factor = loadFloats16(gain, 0)
      for t in 0..<Tokens { sums[t] = sums[t] * factor }
    }
    for term in outer { add(term, &sums) }
    if let bias { add(bias, &sums) }
    if let baseBias { add(baseBias, &sums) }
  }
}
