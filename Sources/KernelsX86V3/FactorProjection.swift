import CProcessor
import _Builtin_intrinsics.intel

// `A·x` with A packed as Q8_0.

/// Of a batch whose activations are bytes, for up to 16 rows. They become 16-bit integers, six tokens at a time, so that
/// their products with signed bytes fit.
///
/// - Parameter scaledSubBlocks: 2: each 64 columns share a scale and a center (`quantizePairs`); 1: each 32.
public func projectBytes(
  blocks w: UnsafeRawPointer, rowBytes: Int, rows: Int, tokens: Int, _ x: BatchActivations,
  scaledSubBlocks: Int, into h: UnsafeMutablePointer<Float>, stride: Int, scratch: UnsafeMutableRawPointer
) {
  let panel = PanelView(scratch)
  let values = panel.codes + 2 * Projection.panelBytes
  let subBlocks = x.columns / 32, shift = scaledSubBlocks - 1
  for first in Swift.stride(from: 0, to: subBlocks, by: Projection.subBlocks) {
    let count = min(Projection.subBlocks, subBlocks - first)
    packPanel(
      Q8_0.self, w, rowBytes: rowBytes, rows: rows, first: first, count: count, as: .signed16,
      ahead: count * Q8_0.bytesPerBlock, into: panel)
    sumPanel(panel, count)
    @inline(__always) func tile<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type, _ token: Int) {
      let line = 64 * count
      for t in 0..<Tokens {
        let codes = x.codes + (token + t) * x.columns + 32 * first
        widen(codes, count, into: values + t * line)
        // The next tokens' are too far away for the processor to guess.
        for offset in Swift.stride(from: 0, to: 32 * count, by: 64) {
          mullama_prefetch(codes + Tokens * x.columns + offset)
        }
      }
      var sums = TileSums<Tokens>()
      for sub in 0..<count {
        let lanes: TileLanes<Tokens> = wideDot(
          UnsafeRawPointer(panel.codes) + 1024 * sub, UnsafeRawPointer(values) + 64 * sub, stride: line)
        let scale0 = loadFloats(panel.scales, 16 * sub), scale1 = loadFloats(panel.scales, 16 * sub + 8)
        let total0 = loadFloats(panel.totals, 16 * sub), total1 = loadFloats(panel.totals, 16 * sub + 8)
        for t in 0..<Tokens {
          let at = (token + t) * subBlocks + (first + sub) >> shift
          let scale = splat(x.scales[at]), center = splat(x.centers[at])
          sums.low[t] = fma(
            toFloat(lanes.low[t]), scale0 * scale, fma(total0, center, sums.low[t]))
          sums.high[t] = fma(
            toFloat(lanes.high[t]), scale1 * scale, fma(total1, center, sums.high[t]))
        }
      }
      sums.write(h + token * stride, stride: stride, rows: rows, adding: first > 0)
    }
    var token = 0
    while token + 6 <= tokens {
      tile(InlineArray<6, Bool>.self, token)
      token += 6
    }
    while token + 2 <= tokens {
      tile(InlineArray<2, Bool>.self, token)
      token += 2
    }
    if token < tokens { tile(InlineArray<1, Bool>.self, token) }
  }
}

private enum Projection {
  /// 384 columns: a panel of 12 KiB, six tokens of 768 bytes, and the next six as bytes stay in the first-level cache.
  static var subBlocks: Int { 12 }
  static var panelBytes: Int { subBlocks * 1024 }
}

/// The totals of a 16-bit panel's weights in each sub-block.
@inline(__always) private func sumPanel(_ panel: PanelView, _ subBlocks: Int) {
  let ones = splat16(1)
  for sub in 0..<subBlocks {
    var low = _mm256_setzero_si256(), high = low
    for pair in 0..<16 {
      let codes = UnsafeRawPointer(panel.codes) + 1024 * sub + 64 * pair
      low = _mm256_add_epi32(low, _mm256_madd_epi16(load256(codes), ones))
      high = _mm256_add_epi32(high, _mm256_madd_epi16(load256(codes, 32), ones))
    }
    store(toFloat(low) * loadFloats(panel.scales, 16 * sub), panel.totals, 16 * sub)
    store(toFloat(high) * loadFloats(panel.scales, 16 * sub + 8), panel.totals, 16 * sub + 8)
  }
}

/// Bytes of sub-blocks as 16-bit integers in the order of 16-bit panels: the even-numbered ones, then the others.
@inline(__always)
private func widen(_ codes: UnsafeRawPointer, _ subBlocks: Int, into values: UnsafeMutableRawPointer) {
  for sub in 0..<subBlocks {
    let c = load256(codes, 32 * sub)
    values.storeBytes(of: evenCodes(c, signed: true), toByteOffset: 64 * sub, as: I256.self)
    values.storeBytes(of: oddCodes(c, signed: true), toByteOffset: 64 * sub + 32, as: I256.self)
  }
}
