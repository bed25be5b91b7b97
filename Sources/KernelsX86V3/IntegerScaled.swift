import _Builtin_intrinsics.intel

extension PanelView {
  /// `[subBlock][group][row]`: the scales as pairs of equal 16-bit integers.
  var integerScales: UnsafeMutablePointer<Int32> {
    UnsafeMutableRawPointer(scales).assumingMemoryBound(to: Int32.self)
  }
  /// `[block][row]`. Totals of pairs need half the room of totals.
  var units: UnsafeMutablePointer<Float> { totals + Panel.subBlocks / 2 * 16 }
}

/// Formats with integer scales: activations that share a scale over 64 columns allow to sum two sub-blocks as integers,
/// and the product with a scale costs nothing, because 16-bit sums have to be multiplied with something to become 32-bit
/// ones.
enum IntegerScaled<Format: IntegerScales>: PanelProduct {
  static var panelCodes: PanelCodes { .unsigned8 }
  static var codeBytes: Int { 1 }
  static var scaledSubBlocks: Int { 2 }

  /// Scales become integers again, and totals those of pairs.
  @inline(__always)
  static func prepare(
    _ panel: PanelView, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, first: Int, count: Int
  ) {
    for pair in 0..<count / 2 {
      for half in 0..<2 {
        let at = 32 * pair + 8 * half
        store(
          loadFloats(panel.totals, at) + loadFloats(panel.totals, at + 16), panel.totals, 16 * pair + 8 * half
        )
      }
    }
    for block in 0..<count / 8 {
      let p = w + (first / 8 + block) * Format.bytesPerBlock + Format.unitOffset
      for row in 0..<16 { panel.units[16 * block + row] = half(p, min(row, rows - 1) * rowBytes) }
      for half in 0..<2 {
        // The quotient is within 1e-4 of the integer. A unit of zero makes every weight its offset.
        let unit = loadFloats(panel.units, 16 * block + 8 * half)
        let inverse = (splat(1) / unit).replacing(with: 0, where: unit .== 0)
        for group in 8 * groups * block..<8 * groups * (block + 1) {
          let at = 16 * group + 8 * half
          let scale = _mm256_cvtps_epi32(loadFloats(panel.scales, at) * inverse)
          let low = _mm256_and_si256(scale, _mm256_set1_epi32(0xFFFF))
          UnsafeMutableRawPointer(panel.integerScales + at).storeBytes(
            of: _mm256_or_si256(low, _mm256_slli_epi32(scale, 16)), as: I256.self)
        }
      }
    }
  }

  /// Bound of the integers: 128 × 63 × 127 × 64 < 2³¹.
  @inline(__always)
  static func multiply<let Tokens: Int>(
    _ panel: PanelView, _ count: Int, _ x: ActivationRows, _ sums: inout TileSums<Tokens>
  ) {
    for block in 0..<count / 8 {
      var products = TileSums<Tokens>()
      for pair in 4 * block..<4 * block + 4 {
        var lanes = TileLanes<Tokens>()
        for sub in 2 * pair..<2 * pair + 2 {
          for group in 0..<groups {
            let scale = panel.integerScales + (sub * groups + group) * 16
            addDot(panel, sub, group, x, (load256(scale), load256(scale, 32)), to: &lanes)
          }
        }
        for t in 0..<Tokens {
          let xScale = x.scale(pair, token: t)
          products.low[t] = fma(toFloat(lanes.low[t]), xScale, products.low[t])
          products.high[t] = fma(toFloat(lanes.high[t]), xScale, products.high[t])
        }
      }
      for sub in 8 * block..<8 * block + 8 {
        for group in 0..<groups { addOffsets(panel, sub, group, x, &sums) }
      }
      for pair in 4 * block..<4 * block + 4 { addCenters(panel, pair, x, &sums) }
      let unit0 = loadFloats(panel.units, 16 * block), unit1 = loadFloats(panel.units, 16 * block + 8)
      for t in 0..<Tokens {
        sums.low[t] = fma(products.low[t], unit0, sums.low[t])
        sums.high[t] = fma(products.high[t], unit1, sums.high[t])
      }
    }
  }
}
