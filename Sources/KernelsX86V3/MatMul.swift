import _Builtin_intrinsics.intel

// Prefill: 16 rows of weights against all tokens of a batch. The panel is unpacked once for each stretch of
// columns and every token passes over it while it is in cache.

/// All tokens' activations as `quantize8`, `quantizePairs` or `quantize16` write them: codes `[token][columns]`; scales and
/// centers for 32 or for 64 columns, `columns / 32` places a token; sums of scale × code for 32 and for 16.
public struct BatchActivations {
  public let columns: Int
  public let codes: UnsafeRawPointer
  public let scales: UnsafePointer<Float>
  public let sums32: UnsafePointer<Float>
  public let sums16: UnsafePointer<Float>
  public let centers: UnsafePointer<Float>

  public init(
    columns: Int, codes: UnsafeRawPointer, scales: UnsafePointer<Float>, sums32: UnsafePointer<Float>,
    sums16: UnsafePointer<Float>, centers: UnsafePointer<Float>
  ) {
    self.columns = columns
    self.codes = codes
    self.scales = scales
    self.sums32 = sums32
    self.sums16 = sums16
    self.centers = centers
  }
}

/// Some tokens' activations from one sub-block on. Addresses and strides in bytes: of up to three tokens, which an
/// instruction can address from one base.
struct ActivationRows {
  let codes: UnsafeRawPointer
  let codeStride: Int
  private let scales: UnsafeRawPointer
  /// scale × Σ code over each group.
  private let sums: UnsafeRawPointer
  /// One for each scale; 8-bit activations only.
  private let centers: UnsafeRawPointer
  private let scaleStride: Int
  private let sumStride: Int

  /// A sub-block has `groups` weight scales; `scaled` sub-blocks share an activation scale.
  @inline(__always)
  init(_ x: BatchActivations, token: Int, sub: Int, groups: Int, scaled: Int, codeBytes: Int) {
    let subBlocks = x.columns / 32
    codeStride = x.columns * codeBytes
    codes = x.codes + token * codeStride + sub * 32 * codeBytes
    scaleStride = 4 * subBlocks
    scales = UnsafeRawPointer(x.scales + sub / scaled) + token * scaleStride
    centers = UnsafeRawPointer(x.centers + sub / scaled) + token * scaleStride
    sumStride = 4 * subBlocks * groups
    sums = UnsafeRawPointer((groups == 2 ? x.sums16 : x.sums32) + sub * groups) + token * sumStride
  }

  @inline(__always) func scale(_ index: Int, token: Int) -> F256 {
    splat((scales + 4 * index).load(fromByteOffset: token * scaleStride, as: Float.self))
  }
  @inline(__always) func center(_ index: Int, token: Int) -> F256 {
    splat((centers + 4 * index).load(fromByteOffset: token * scaleStride, as: Float.self))
  }
  @inline(__always) func sum(_ index: Int, token: Int) -> F256 {
    splat((sums + 4 * index).load(fromByteOffset: token * sumStride, as: Float.self))
  }
}

/// How a panel of 16 rows is multiplied.
protocol PanelProduct {
  associatedtype Format: CodeFormat
  /// How the panel holds codes.
  static var panelCodes: PanelCodes { get }
  /// Bytes of an activation's code.
  static var codeBytes: Int { get }
  /// Sub-blocks that share an activation scale.
  static var scaledSubBlocks: Int { get }
  /// Changes what `packPanel` has written for sub-blocks `first ..< first + count` into what `multiply` reads.
  static func prepare(
    _ panel: PanelView, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, first: Int, count: Int)
  /// `sums[token] += panel × x[token]` over `count` sub-blocks.
  static func multiply<let Tokens: Int>(
    _ panel: PanelView, _ count: Int, _ x: ActivationRows, _ sums: inout TileSums<Tokens>)
}

extension PanelProduct {
  static var groups: Int { Format.groupsOf16 ? 2 : 1 }

  @inline(__always)
  static func prepare(
    _ panel: PanelView, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, first: Int, count: Int
  ) {}
}

/// Where the sums of 16 rows go.
protocol TileOutput {
  /// Tokens after whose sums `end` is called, whole tiles.
  static var tokensTogether: Int { get }
  /// Called before the panel is packed.
  func begin()
  /// Called before the sums of `count` tokens are made.
  func begin(token: Int, count: Int)
  func write<let Tokens: Int>(_ sums: TileSums<Tokens>, token: Int)
  func end(token: Int, count: Int)
}

/// Sums as they are, set or added.
struct PlainOutput: TileOutput {
  let y: UnsafeMutablePointer<Float>
  let stride: Int
  let rows: Int
  let adding: Bool

  static var tokensTogether: Int { .max }
  @inline(__always) func begin() {}
  @inline(__always) func begin(token: Int, count: Int) {}

  @inline(__always) func write<let Tokens: Int>(_ sums: TileSums<Tokens>, token: Int) {
    sums.write(y + token * stride, stride: stride, rows: rows, adding: adding)
  }

  @inline(__always) func end(token: Int, count: Int) {}
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
    as: P.panelCodes, ahead: ahead, into: panel)
  P.prepare(panel, w, rowBytes: rowBytes, rows: rows, first: first, count: count)
  @inline(__always) func tile<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type, _ token: Int) {
    output.begin(token: token, count: Tokens)
    var sums = TileSums<Tokens>()
    P.multiply(
      panel, count,
      ActivationRows(
        x, token: token, sub: first, groups: P.groups, scaled: P.scaledSubBlocks, codeBytes: P.codeBytes),
      &sums)
    output.write(sums, token: token)
  }
  var begin = 0
  while begin < tokens {
    let end = begin + min(tokens - begin, O.tokensTogether)
    var token = begin
    while token + 3 <= end {
      tile(InlineArray<3, Bool>.self, token)
      token += 3
    }
    if token + 2 == end {
      tile(InlineArray<2, Bool>.self, token)
    } else if token + 1 == end {
      tile(InlineArray<1, Bool>.self, token)
    }
    output.end(token: begin, count: end - begin)
    begin = end
  }
}
