import KernelsX86V3
import _Builtin_intrinsics.intel

// Prefill. Panels are those of KernelsX86V3, sixteen rows a register.
//
// `vpdpbusd` sums four products of an unsigned and a signed byte a lane in 32 bits at once: activations are unsigned,
// weights signed, so nothing has to be summed in 16 bits and every format is multiplied the same way.

/// Some tokens' activations from one sub-block on: `x ≈ minimum + scale × code`, codes from 0 to 255, as KernelsX86V3's
/// `quantize8` writes them with a bias of 128, or its `quantizePairs`.
struct ActivationRows {
  let codes: UnsafePointer<UInt8>
  let codeStride: Int
  let scales: UnsafePointer<Float>
  /// scale × Σ code over each group.
  let sums: UnsafePointer<Float>
  let minima: UnsafePointer<Float>
  let scaleStride: Int
  let sumStride: Int

  /// A sub-block has `groups` weight scales; `scaled` sub-blocks share an activation scale.
  init(_ x: BatchActivations, token: Int, sub: Int, groups: Int, scaled: Int) {
    let subBlocks = x.columns / 32
    codes = x.codes.assumingMemoryBound(to: UInt8.self) + token * x.columns + sub * 32
    codeStride = x.columns
    scaleStride = subBlocks
    scales = x.scales + token * scaleStride + sub / scaled
    minima = x.centers + token * scaleStride + sub / scaled
    sumStride = subBlocks * groups
    sums = (groups == 2 ? x.sums16 : x.sums32) + token * sumStride + sub * groups
  }
}

/// How a panel of 16 rows is multiplied.
protocol PanelProduct {
  associatedtype Format: CodeFormat
  /// Sub-blocks that share an activation scale.
  static var scaledSubBlocks: Int { get }
  /// Changes what `packPanel` has written for sub-blocks `first ..< first + count` into what `multiply` reads.
  static func prepare(
    _ panel: PanelView, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, first: Int, count: Int)
  /// `sums[token] += panel × x[token]` over `count` sub-blocks.
  static func multiply<let Tokens: Int>(
    _ panel: PanelView, _ count: Int, _ x: ActivationRows, _ sums: inout InlineArray<Tokens, F512>)
}

extension PanelProduct {
  static var groups: Int { Format.groupsOf16 ? 2 : 1 }

  @inline(__always)
  static func prepare(
    _ panel: PanelView, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, first: Int, count: Int
  ) {}

  /// Σ code × x over one group of a sub-block.
  @inline(__always)
  static func dot<let Tokens: Int>(
    _ panel: PanelView, _ sub: Int, _ group: Int, _ x: ActivationRows
  ) -> InlineArray<Tokens, I512> {
    var lanes = InlineArray<Tokens, I512>(repeating: _mm512_setzero_si512())
    let first = group * (8 / groups)
    let codes = UnsafeRawPointer(panel.codes) + sub * 512 + first * 64
    let values = x.codes + sub * 32 + first * 4
    /// Four columns of every row and token.
    @inline(__always) func step(_ k: Int) {
      let w = load512(codes, k * 64)
      for t in 0..<Tokens {
        lanes[t] = _mm512_dpbusd_epi32(lanes[t], broadcast32(values + t * x.codeStride + k * 4), w)
      }
    }
    if groups == 1 {
      for k in 0..<8 { step(k) }
    } else {
      // Written out: 15 % faster. The longer one above is faster as a loop.
      step(0)
      step(1)
      step(2)
      step(3)
    }
    return lanes
  }

  /// Adds the minima of the weights of one sub-block.
  @inline(__always)
  static func addOffsets<let Tokens: Int>(
    _ panel: PanelView, _ sub: Int, _ group: Int, _ x: ActivationRows, _ sums: inout InlineArray<Tokens, F512>
  ) {
    guard Format.hasOffset else { return }
    let at = sub * groups + group
    let offset = loadFloats16(panel.offsets, at * 16)
    for t in 0..<Tokens { sums[t] = fma(offset, splat512(x.sums[t * x.sumStride + at]), sums[t]) }
  }

  /// Adds the minima of the activations of what shares scale `index`.
  @inline(__always)
  static func addTotals<let Tokens: Int>(
    _ panel: PanelView, _ index: Int, _ x: ActivationRows, _ sums: inout InlineArray<Tokens, F512>
  ) {
    let total = loadFloats16(panel.totals, index * 16)
    for t in 0..<Tokens { sums[t] = fma(total, splat512(x.minima[t * x.scaleStride + index]), sums[t]) }
  }
}

/// Every format: each group's integers are multiplied with its scale and the activations' as floats.
enum FloatScaled<Format: CodeFormat>: PanelProduct {
  static var scaledSubBlocks: Int { 1 }

  @inline(__always)
  static func multiply<let Tokens: Int>(
    _ panel: PanelView, _ count: Int, _ x: ActivationRows, _ sums: inout InlineArray<Tokens, F512>
  ) {
    for sub in 0..<count {
      for group in 0..<groups {
        let lanes: InlineArray<Tokens, I512> = dot(panel, sub, group, x)
        let scale = loadFloats16(panel.scales, (sub * groups + group) * 16)
        for t in 0..<Tokens {
          sums[t] = fma(toFloat(lanes[t]), scale * splat512(x.scales[t * x.scaleStride + sub]), sums[t])
        }
        addOffsets(panel, sub, group, x, &sums)
      }
      addTotals(panel, sub, x, &sums)
    }
  }
}

/// Formats with a scale for each 32 weights beside activations with a scale for each 64 values.
enum PairScaled<Format: CodeFormat>: PanelProduct {
  static var scaledSubBlocks: Int { 2 }

  @inline(__always)
  static func multiply<let Tokens: Int>(
    _ panel: PanelView, _ count: Int, _ x: ActivationRows, _ sums: inout InlineArray<Tokens, F512>
  ) {
    for sub in 0..<count {
      let lanes: InlineArray<Tokens, I512> = dot(panel, sub, 0, x)
      let scale = loadFloats16(panel.scales, sub * 16), total = loadFloats16(panel.totals, sub * 16)
      for t in 0..<Tokens {
        let at = t * x.scaleStride + sub / 2
        sums[t] = fma(
          toFloat(lanes[t]), scale * splat512(x.scales[at]), fma(total, splat512(x.minima[at]), sums[t]))
      }
    }
  }
}

/// The first `rows` of 16 lanes.
@inline(__always) func rowMask(_ rows: Int) -> UInt16 { UInt16(truncatingIfNeeded: (1 << rows) - 1) }

/// Where the sums of 16 rows go.
protocol TileOutput {
  /// Called before the panel is packed.
  func begin()
  /// Called before the sums of `count` tokens are made.
  func begin(token: Int, count: Int)
  func write<let Tokens: Int>(_ sums: InlineArray<Tokens, F512>, token: Int)
}

/// Sums as they are, set or added.
struct PlainOutput: TileOutput {
  let y: UnsafeMutablePointer<Float>
  let stride: Int
  let mask: UInt16
  let adding: Bool

  @inline(__always) func begin() {}
  @inline(__always) func begin(token: Int, count: Int) {}

  @inline(__always) func write<let Tokens: Int>(_ sums: InlineArray<Tokens, F512>, token: Int) {
    for t in 0..<Tokens {
      let line = y + (token + t) * stride
      let sum = adding ? sums[t] + _mm512_maskz_loadu_ps(mask, line) : sums[t]
      _mm512_mask_storeu_ps(line, mask, sum)
    }
  }
}

/// One pass of `w[row] · x[token]` for up to 16 rows of packed weights: the columns of one panel.
@inline(__always)
func matMulPass<P: PanelProduct, O: TileOutput>(
  _ product: P.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, tokens: Int, pass: Int,
  _ x: BatchActivations, _ output: O, scratch: UnsafeMutableRawPointer
) {
  let panel = PanelView(scratch)
  let subBlocks = x.columns / 32, perBlock = P.Format.subBlocksPerBlock
  let first = pass * Panel.subBlocks
  let count = min(Panel.subBlocks, subBlocks - first)
  let offset = first / perBlock * P.Format.bytesPerBlock
  // The next panel is the columns behind these, or else the next rows.
  let ahead =
    first + count == subBlocks ? 16 * rowBytes - offset : count / perBlock * P.Format.bytesPerBlock
  output.begin()
  packPanel(
    P.Format.self, w, rowBytes: rowBytes, rows: rows, first: first, count: count,
    as: .signed8, ahead: ahead, into: panel)
  P.prepare(panel, w, rowBytes: rowBytes, rows: rows, first: first, count: count)
  @inline(__always) func tile<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type, _ token: Int) {
    output.begin(token: token, count: Tokens)
    var sums = InlineArray<Tokens, F512>(repeating: splat512(0))
    P.multiply(
      panel, count,
      ActivationRows(x, token: token, sub: first, groups: P.groups, scaled: P.scaledSubBlocks), &sums)
    output.write(sums, token: token)
  }
  var token = 0
  while token + 8 <= tokens {
    tile(InlineArray<8, Bool>.self, token)
    token += 8
  }
  if token + 4 <= tokens {
    tile(InlineArray<4, Bool>.self, token)
    token += 4
  }
  while token < tokens {
    tile(InlineArray<1, Bool>.self, token)
    token += 1
  }
}
