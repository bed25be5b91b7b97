import CProcessor
import KernelsX86V3
import _Builtin_intrinsics.intel

// What KernelsX86V3 does at the end of a tile, sixteen rows a register and with the same bits.

extension FactorTerm {
  @inline(__always) func add<let Tokens: Int>(to sums: inout InlineArray<Tokens, F512>, token: Int) {
    let hScale = hScales + token * scaleStride
    for block in 0..<(rank + 31) / 32 {
      let lanes: InlineArray<Tokens, I512> = dot(block, token: token)
      var scale = loadHalves16(panel, 32 * block)
      if let gain { scale = scale * loadFloats16(gain) }
      for t in 0..<Tokens {
        sums[t] = fma(toFloat(lanes[t]), scale * splat512(hScale[t * scaleStride + block]), sums[t])
      }
    }
  }

  /// The integer products of up to 32 columns.
  @inline(__always)
  private func dot<let Tokens: Int>(_ block: Int, token: Int) -> InlineArray<Tokens, I512> {
    var lanes = InlineArray<Tokens, I512>(repeating: _mm512_setzero_si512())
    let values = UnsafeRawPointer(h + token * hStride + 32 * block)
    let codes = codes + 512 * block
    @inline(__always) func step(_ pair: Int) {
      let w = _mm512_cvtepi8_epi16(load256(codes, 32 * pair))
      for t in 0..<Tokens {
        lanes[t] = _mm512_dpwssd_epi32(lanes[t], w, broadcast32(values + 2 * t * hStride + 4 * pair))
      }
    }
    let pairs = (rank - 32 * block + 1) / 2
    if pairs == 8 {
      // The rank that most adapters have, written out.
      step(0)
      step(1)
      step(2)
      step(3)
      step(4)
      step(5)
      step(6)
      step(7)
    } else {
      for pair in 0..<min(16, pairs) { step(pair) }
    }
    return lanes
  }
}

/// Sums to which an ending is done while they are in registers, of which there are enough here; with `adding`, what `y` has
/// belongs to `W·x`. What the ending reads and writes is fetched as each tile begins.
struct EndedOutput: TileOutput {
  let ending: TileEnding
  let y: UnsafeMutablePointer<Float>
  let stride: Int
  let mask: UInt16
  let adding: Bool

  @inline(__always) func begin() { ending.prefetch() }

  @inline(__always) func begin(token: Int, count: Int) {
    ending.prefetch(token: token, count: count, y + token * stride, stride: stride)
  }

  @inline(__always) func write<let Tokens: Int>(_ made: InlineArray<Tokens, F512>, token: Int) {
    var sums = made
    let target = y + token * stride
    if adding { for t in 0..<Tokens { sums[t] = sums[t] + _mm512_maskz_loadu_ps(mask, target + t * stride) } }
    let terms = ending.terms
    for index in 0...terms.count {
      if index == ending.innerCount, let gain = ending.gain {
        let gain = loadFloats16(gain)
        for t in 0..<Tokens { sums[t] = sums[t] * gain }
      }
      if index < terms.count { terms[index].add(to: &sums, token: token) }
    }
    if let bias = ending.bias {
      let bias = loadFloats16(bias)
      for t in 0..<Tokens { sums[t] = sums[t] + bias }
    }
    if let bias = ending.baseBias {
      let bias = loadFloats16(bias)
      for t in 0..<Tokens { sums[t] = sums[t] + bias }
    }
    for t in 0..<Tokens { _mm512_mask_storeu_ps(target + t * stride, mask, sums[t]) }
  }
}
