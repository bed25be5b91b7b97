import _Builtin_intrinsics.intel

extension PanelView {
  /// `[subBlock][group][row]`: the scales as integers.
  var integerScales: UnsafeMutablePointer<Int32> {
    UnsafeMutableRawPointer(scales).assumingMemoryBound(to: Int32.self)
  }
  /// `[block][row]`. Totals of pairs need half the room of totals.
  var units: UnsafeMutablePointer<Float> { totals + Panel.subBlocks / 2 * 16 }
}

/// Formats with integer scales: activations that share a scale over 64 columns allow to sum two sub-blocks as integers, so
/// that fewer steps of a product are float ones.
enum IntegerScaled<Format: IntegerScales>: PanelProduct {
  static var scaledSubBlocks: Int { 2 }

  /// Scales become integers again, and totals those of pairs.
  @inline(__always)
  static func prepare(
    _ panel: PanelView, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, first: Int, count: Int
  ) {
    for pair in 0..<count / 2 {
      let total = loadFloats16(panel.totals, 32 * pair) + loadFloats16(panel.totals, 32 * pair + 16)
      storeFloats16(total, panel.totals, 16 * pair)
    }
    for block in 0..<count / 8 {
      let p = w + (first / 8 + block) * Format.bytesPerBlock + Format.unitOffset
      for row in 0..<16 { panel.units[16 * block + row] = half(p, min(row, rows - 1) * rowBytes) }
      // The quotient is within 1e-4 of the integer. A unit of zero makes every weight its offset.
      let unit = loadFloats16(panel.units, 16 * block)
      let inverse = (splat512(1) / unit).replacing(with: 0, where: unit .== 0)
      for group in 8 * groups * block..<8 * groups * (block + 1) {
        let scale = _mm512_cvtps_epi32(loadFloats16(panel.scales, 16 * group) * inverse)
        UnsafeMutableRawPointer(panel.integerScales + 16 * group).storeBytes(of: scale, as: I512.self)
      }
    }
  }

  @inline(__always)
  static func multiply<let Tokens: Int>(
    _ panel: PanelView, _ count: Int, _ x: ActivationRows, _ sums: inout InlineArray<Tokens, F512>
  ) {
    for block in 0..<count / 8 {
      for sub in 8 * block..<8 * block + 8 {
        for group in 0..<groups { addOffsets(panel, sub, group, x, &sums) }
      }
      for pair in 4 * block..<4 * block + 4 { addTotals(panel, pair, x, &sums) }
      var products = InlineArray<Tokens, F512>(repeating: splat512(0))
      for pair in 4 * block..<4 * block + 4 {
        let lanes: InlineArray<Tokens, I512> = pairDot(panel, pair, x)
        for t in 0..<Tokens {
          products[t] = fma(toFloat(lanes[t]), splat512(x.scales[t * x.scaleStride + pair]), products[t])
        }
      }
      let unit = loadFloats16(panel.units, 16 * block)
      for t in 0..<Tokens { sums[t] = fma(products[t], unit, sums[t]) }
    }
  }

  /// Σ scale × code × x over 64 columns. Bound: 127 × 32 × 255 × 64 < 2³¹.
  @inline(__always)
  private static func pairDot<let Tokens: Int>(
    _ panel: PanelView, _ pair: Int, _ x: ActivationRows
  ) -> InlineArray<Tokens, I512> {
    var total = InlineArray<Tokens, I512>(repeating: _mm512_setzero_si512())
    for sub in 2 * pair..<2 * pair + 2 {
      for group in 0..<groups {
        let lanes: InlineArray<Tokens, I512> = dot(panel, sub, group, x)
        let scale = load512(panel.integerScales + (sub * groups + group) * 16)
        for t in 0..<Tokens { total[t] = _mm512_add_epi32(total[t], _mm512_mullo_epi32(lanes[t], scale)) }
      }
    }
    return total
  }
}
