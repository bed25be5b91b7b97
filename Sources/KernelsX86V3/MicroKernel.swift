import _Builtin_intrinsics.intel

// The micro-kernels of prefill: one panel of 16 rows times a few tokens, all sums in registers.
//
// `Tokens` is a compile-time constant, so the loops over it unroll and the InlineArrays become registers:
// three tokens need 6 float sums, 6 integer sums, 2 weights, 1 activation = 15 of AVX2's 16 registers.

@inline(__always) func broadcast32(_ p: UnsafeRawPointer) -> I256 {
  _mm256_set1_epi32(p.loadUnaligned(as: Int32.self))
}

/// Integers of 16 rows × `Tokens` tokens.
struct TileLanes<let Tokens: Int> {
  var low = InlineArray<Tokens, I256>(repeating: _mm256_setzero_si256())
  var high = InlineArray<Tokens, I256>(repeating: _mm256_setzero_si256())

  // The compiler's own is not always inlined.
  @inline(__always) init() {}
}

extension PanelProduct {
  /// Units of four columns whose products, taken in pairs, 16 bits can sum, of codes up to `maximumCode` times 127: 8
  /// for 4-bit codes (15 × 127 × 2 × 8 < 2¹⁵), 4 for 5-bit, 2 for 6-bit ones; never more than a group has.
  static var run: Int {
    let fits = 32767 / (2 * 127 * Format.maximumCode)
    return min(fits >= 8 ? 8 : fits >= 4 ? 4 : 2, 8 / groups)
  }

  /// `lanes += Σ code × x × factor` over one group of a sub-block, where `factors` (16 rows) are pairs of equal 16-bit
  /// integers.
  @inline(__always)
  static func addDot<let Tokens: Int>(
    _ panel: PanelView, _ sub: Int, _ group: Int, _ x: ActivationRows, _ factors: (I256, I256),
    to lanes: inout TileLanes<Tokens>
  ) {
    var codes = UnsafeRawPointer(panel.codes) + sub * 512 + group * 256
    var values = x.codes + sub * 32 + group * 16
    for _ in 0..<8 / groups / run {
      var part = TileLanes<Tokens>()
      /// Four columns of every row and token.
      @inline(__always) func step(_ i: Int) {
        let w0 = load256(codes, i * 64), w1 = load256(codes, i * 64 + 32)
        for t in 0..<Tokens {
          let xb = broadcast32(values + t * x.codeStride + i * 4)
          let low = _mm256_maddubs_epi16(w0, xb), high = _mm256_maddubs_epi16(w1, xb)
          part.low[t] = i == 0 ? low : _mm256_add_epi16(part.low[t], low)
          part.high[t] = i == 0 ? high : _mm256_add_epi16(part.high[t], high)
        }
      }
      // Written out: the compiler leaves a loop of eight a loop.
      step(0)
      step(1)
      if run > 2 {
        step(2)
        step(3)
      }
      if run > 4 {
        step(4)
        step(5)
        step(6)
        step(7)
      }
      for t in 0..<Tokens {
        lanes.low[t] = _mm256_add_epi32(lanes.low[t], _mm256_madd_epi16(part.low[t], factors.0))
        lanes.high[t] = _mm256_add_epi32(lanes.high[t], _mm256_madd_epi16(part.high[t], factors.1))
      }
      codes += run * 64
      values += run * 4
    }
  }

  /// Adds offset × sum of x of one group.
  @inline(__always)
  static func addOffsets<let Tokens: Int>(
    _ panel: PanelView, _ sub: Int, _ group: Int, _ x: ActivationRows, _ sums: inout TileSums<Tokens>
  ) {
    guard Format.needsOffsets(panelCodes) else { return }
    let at = sub * groups + group
    let low = loadFloats(panel.offsets, at * 16), high = loadFloats(panel.offsets, at * 16 + 8)
    for t in 0..<Tokens {
      let sum = x.sum(at, token: t)
      sums.low[t] = fma(low, sum, sums.low[t])
      sums.high[t] = fma(high, sum, sums.high[t])
    }
  }

  /// Adds the total of the weights × the center of x of what shares scale `index`.
  @inline(__always)
  static func addCenters<let Tokens: Int>(
    _ panel: PanelView, _ index: Int, _ x: ActivationRows, _ sums: inout TileSums<Tokens>
  ) {
    let low = loadFloats(panel.totals, index * 16), high = loadFloats(panel.totals, index * 16 + 8)
    for t in 0..<Tokens {
      let center = x.center(index, token: t)
      sums.low[t] = fma(low, center, sums.low[t])
      sums.high[t] = fma(high, center, sums.high[t])
    }
  }
}

/// Any format of unsigned codes: each group's integers are multiplied with its scale and the activations' as floats.
enum FloatScaled<Format: CodeFormat>: PanelProduct {
  static var panelCodes: PanelCodes { .unsigned8 }
  static var codeBytes: Int { 1 }
  static var scaledSubBlocks: Int { 1 }

  @inline(__always)
  static func multiply<let Tokens: Int>(
    _ panel: PanelView, _ count: Int, _ x: ActivationRows, _ sums: inout TileSums<Tokens>
  ) {
    let ones = splat16(1)
    for sub in 0..<count {
      for group in 0..<groups {
        var lanes = TileLanes<Tokens>()
        addDot(panel, sub, group, x, (ones, ones), to: &lanes)
        let scale = panel.scales + (sub * groups + group) * 16
        let scale0 = loadFloats(scale), scale1 = loadFloats(scale, 8)
        for t in 0..<Tokens {
          let xScale = x.scale(sub, token: t)
          sums.low[t] = fma(toFloat(lanes.low[t]), scale0 * xScale, sums.low[t])
          sums.high[t] = fma(toFloat(lanes.high[t]), scale1 * xScale, sums.high[t])
        }
        addOffsets(panel, sub, group, x, &sums)
      }
      addCenters(panel, sub, x, &sums)
    }
  }
}

/// Σ code × x of a sub-block of a 16-bit panel. `stride`: bytes between tokens.
@inline(__always)
func wideDot<let Tokens: Int>(
  _ codes: UnsafeRawPointer, _ values: UnsafeRawPointer, stride: Int
) -> TileLanes<Tokens> {
  pairDot(codes, byteCount: 1024, step: 64, values, stride: stride) { (load256($0), load256($0, 32)) }
}

/// Σ code × x of up to six tokens, whose values are 16-bit integers `stride` bytes apart. Of each pair of columns the codes of
/// 16 rows take `step` bytes, which `load` makes 16-bit integers. An instruction can address three tokens from one base.
@inline(__always)
func pairDot<let Tokens: Int>(
  _ codes: UnsafeRawPointer, byteCount: Int, step: Int, _ values: UnsafeRawPointer, stride: Int,
  _ load: (UnsafeRawPointer) -> (I256, I256)
) -> TileLanes<Tokens> {
  var lanes = TileLanes<Tokens>()
  var codes = codes, first = values, second = values + 3 * stride
  let end = codes + byteCount
  while codes < end {
    let (w0, w1) = load(codes)
    for t in 0..<Tokens {
      let xb = broadcast32(t < 3 ? first + t * stride : second + (t - 3) * stride)
      lanes.low[t] = _mm256_add_epi32(lanes.low[t], _mm256_madd_epi16(w0, xb))
      lanes.high[t] = _mm256_add_epi32(lanes.high[t], _mm256_madd_epi16(w1, xb))
    }
    codes += step
    first += 4
    second += 4
  }
  return lanes
}

/// Signed codes that use all eight bits, which leave no room in 16-bit sums: 16-bit panels and activations.
enum WideCodes<Format: CodeFormat>: PanelProduct {
  static var panelCodes: PanelCodes { .signed16 }
  static var codeBytes: Int { 2 }
  static var scaledSubBlocks: Int { 1 }

  @inline(__always)
  static func multiply<let Tokens: Int>(
    _ panel: PanelView, _ count: Int, _ x: ActivationRows, _ sums: inout TileSums<Tokens>
  ) {
    for sub in 0..<count {
      let lanes: TileLanes<Tokens> = wideDot(
        UnsafeRawPointer(panel.codes) + sub * 1024, x.codes + sub * 64, stride: x.codeStride)
      let scale0 = loadFloats(panel.scales, sub * 16), scale1 = loadFloats(panel.scales, sub * 16 + 8)
      for t in 0..<Tokens {
        let xScale = x.scale(sub, token: t)
        sums.low[t] = fma(toFloat(lanes.low[t]), scale0 * xScale, sums.low[t])
        sums.high[t] = fma(toFloat(lanes.high[t]), scale1 * xScale, sums.high[t])
      }
      addOffsets(panel, sub, 0, x, &sums)
    }
  }
}
