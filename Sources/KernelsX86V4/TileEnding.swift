import CProcessor
import KernelsX86V3
import _Builtin_intrinsics.intel

// What KernelsX86V3 does at the end of a tile, sixteen rows a register and with the same bits.

extension FactorTerm {
  @inline(__always) func sums<let Tokens: Int>(token: Int) -> InlineArray<Tokens, F512> {
    var sums = InlineArray<Tokens, F512>(repeating: splat512(0))
    let pairs = (rank + 1) / 2
    let values = UnsafeRawPointer(h + token * hStride)
    for block in 0..<(rank + 31) / 32 {
      var lanes = InlineArray<Tokens, I512>(repeating: _mm512_setzero_si512())
      for pair in 16 * block..<min(pairs, 16 * block + 16) {
        let w = _mm512_cvtepi8_epi16(load256(codes, 32 * pair))
        for t in 0..<Tokens {
          lanes[t] = _mm512_dpwssd_epi32(lanes[t], w, broadcast32(values + 2 * t * hStride + 4 * pair))
        }
      }
      let scale = loadFloats16(scales, 16 * block)
      for t in 0..<Tokens {
        let both = scale * splat512(hScales[(token + t) * (hStride / 32) + block])
        sums[t] = fma(toFloat(lanes[t]), both, sums[t])
      }
    }
    if let gain {
      let factor = loadFloats16(gain, 0)
      for t in 0..<Tokens { sums[t] = sums[t] * factor }
    }
    return sums
  }
}

extension TileEnding {
  /// As in KernelsX86V3.
  @inline(never)
  func end(
    _ made: UnsafeMutablePointer<Float>, token: Int, count: Int, adding: Bool,
    _ y: UnsafeMutablePointer<Float>, stride: Int, _ mask: UInt16
  ) {
    prefetch(token: token, count: count, y, stride: stride)
    @inline(__always) func forEachToken(_ body: (_ sum: F512, _ t: Int) -> F512) {
      for t in 0..<count { storeFloats16(body(loadFloats16(made, 16 * t), t), made, 16 * t) }
    }
    if adding { forEachToken { sum, t in sum + _mm512_maskz_loadu_ps(mask, y + t * stride) } }
    for term in terms[..<innerCount] { term.add(to: made, token: token, count: count) }
    if let gain { forEachToken { sum, _ in sum * loadFloats16(gain) } }
    for term in terms[innerCount...] { term.add(to: made, token: token, count: count) }
    for t in 0..<count {
      var sum = loadFloats16(made, 16 * t)
      if let bias { sum = sum + loadFloats16(bias) }
      if let baseBias { sum = sum + loadFloats16(baseBias) }
      _mm512_mask_storeu_ps(y + t * stride, mask, sum)
    }
  }
}

extension FactorTerm {
  /// Adds the terms of `count` tokens to 16 sums of each.
  @inline(__always) func add(to made: UnsafeMutablePointer<Float>, token: Int, count: Int) {
    @inline(__always) func tile<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type, _ t: Int) {
      let sums: InlineArray<Tokens, F512> = self.sums(token: token + t)
      for i in 0..<Tokens {
        let at = 16 * (t + i)
        storeFloats16(loadFloats16(made, at) + sums[i], made, at)
      }
    }
    var t = 0
    while t + 8 <= count {
      tile(InlineArray<8, Bool>.self, t)
      t += 8
    }
    while t < count {
      tile(InlineArray<1, Bool>.self, t)
      t += 1
    }
  }
}
