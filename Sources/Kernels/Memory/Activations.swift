import CProcessor
import GGUF

/// How the rows of a batch are given to a matrix multiplication.
package struct ActivationForms: OptionSet, Sendable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }
  /// 8-bit integers with a float scale and center for each 32 values.
  static let int8 = ActivationForms(rawValue: 1)
  /// 16-bit integers with a float scale for each 32 values: as good as float.
  static let int16 = ActivationForms(rawValue: 2)
  /// 8-bit integers with a float scale and center for each 64 values.
  static let int8Pairs = ActivationForms(rawValue: 8)
  /// 16-bit integers with a float scale for each 256 values, split into bytes, few tokens side by side.
  static let planes = ActivationForms(rawValue: 4)
  /// 8-bit integers with a float scale for each eight values, four from each of two neighbouring blocks of 32.
  static let int8Octets = ActivationForms(rawValue: 16)
}

/// How many tokens share a region's weights. It alone decides which form of the activations a kernel reads, whatever part
/// of the batch it works on: so a row's bits do not depend on how the batch is divided, or on its neighbours' experts.
package enum BatchWidth: Sendable {
  /// A single token.
  case one
  /// At most `few` rows.
  case few
  case many

  static let fewRows = 8

  /// `rowsPerToken`: the experts of a token.
  package init(tokens: Int, rowsPerToken: Int = 1) {
    self = tokens == 1 ? .one : tokens * rowsPerToken <= Self.fewRows ? .few : .many
  }
}

/// The inputs of a matrix multiplication, `[token][columns]` float32, beside their quantized forms.
final class Activations {
  private let int8: QuantizedRows
  private let int8Pairs: QuantizedRows
  private let int16: QuantizedRows
  private let planes: PlaneMemory
  private let int8Octets: OctetRows
  /// Room for a single token's experts, or a few tokens.
  private static let planeTokens = 64

  /// Room for `tokens` rows of at most `columns` values.
  init(tokens: Int, columns: Int) {
    int8 = QuantizedRows(tokens: tokens, columns: columns, codeBytes: 1)
    int8Pairs = QuantizedRows(tokens: tokens, columns: columns, codeBytes: 1)
    int16 = QuantizedRows(tokens: tokens, columns: columns, codeBytes: 2)
    planes = PlaneMemory(tokens: min(tokens, Self.planeTokens), columns: columns)
    int8Octets = OctetRows(tokens: min(tokens, Self.planeTokens), columns: columns)
  }

  /// The first `tokens` rows of `input`.
  func view(_ input: Matrix, tokens: Int, width: BatchWidth) -> ActivationView {
    precondition(width == .many || tokens <= Self.planeTokens)
    return ActivationView(
      floats: input.pointer, width: width, columns: input.columns, int8: int8.view,
      int8Pairs: int8Pairs.view, int16: int16.view,
      planes: planes.view(rows: tokens), int8Octets: int8Octets.view)
  }
}

private final class QuantizedRows {
  private let memory: AlignedMemory
  let view: QuantizedView

  init(tokens: Int, columns: Int, codeBytes: Int) {
    let blocks = tokens * ((columns + 31) / 32)
    memory = AlignedMemory(byteCount: blocks * (32 * codeBytes + 20) + 256)
    let floats = (memory.base + ((blocks * 32 * codeBytes + 63) & ~63)).bindMemory(
      to: Float.self, capacity: blocks * 5)
    view = QuantizedView(
      codes: memory.base, scales: floats, sums32: floats + blocks, sums16: floats + 2 * blocks,
      centers: floats + 4 * blocks)
  }
}

private final class PlaneMemory {
  private let memory: AlignedMemory
  private let blocks: Int

  init(tokens: Int, columns: Int) {
    let blocks = tokens * ((columns + 31) / 32)
    memory = AlignedMemory(byteCount: blocks * 80 + 128)  // codes 64, negatives 8, scale 4 / 8, sums 24 / 8
    self.blocks = blocks
  }

  func view(rows: Int) -> PlanesView {
    let negatives = (memory.base + blocks * 64).assumingMemoryBound(to: Int32.self)
    let scales = UnsafeMutableRawPointer(negatives + 2 * blocks).assumingMemoryBound(to: Float.self)
    return PlanesView(
      rows: rows, codes: memory.base.assumingMemoryBound(to: Int8.self), scales: scales,
      sums: UnsafeMutableRawPointer(scales + (blocks + 7) / 8).assumingMemoryBound(to: Int8.self),
      negatives: negatives)
  }
}

/// 16-bit codes as bytes, all tokens of a batch side by side: codes `[columns / 32][token][high, low][32]`, scales
/// `[columns / 256][token]`, sums (Σ code of 32 columns) `[columns / 256][token][byte][8]`, negatives (−Σ code of 16
/// columns) `[columns / 32][token][2]`.
struct PlanesView {
  /// Rows side by side.
  let rows: Int
  let codes: UnsafeMutablePointer<Int8>
  let scales: UnsafeMutablePointer<Float>
  let sums: UnsafeMutablePointer<Int8>
  let negatives: UnsafeMutablePointer<Int32>

  func advanced(tokens: Int) -> PlanesView {
    PlanesView(
      rows: rows, codes: codes + 64 * tokens, scales: scales + tokens, sums: sums + 24 * tokens,
      negatives: negatives + 2 * tokens)
  }
}

/// Quantized rows: codes `[token][columns]`, scales and sums `[token][columns / 32]`, `sums16` two for each 32. Where 64
/// values share a scale, half of a token's places for scales and centers are used.
struct QuantizedView {
  let codes: UnsafeMutableRawPointer
  let scales: UnsafeMutablePointer<Float>
  let sums32: UnsafeMutablePointer<Float>
  let sums16: UnsafeMutablePointer<Float>
  /// `[token][columns / 32]`; 8-bit rows only.
  let centers: UnsafeMutablePointer<Float>

  func advanced(tokens: Int, columns: Int, codeBytes: Int) -> QuantizedView {
    let blocks = tokens * (columns / 32)
    return QuantizedView(
      codes: codes + tokens * columns * codeBytes, scales: scales + blocks, sums32: sums32 + blocks,
      sums16: sums16 + 2 * blocks, centers: centers + blocks)
  }
}

/// Rows of activations as kernels see them, beginning at some token.
struct ActivationView {
  let floats: UnsafeMutablePointer<Float>
  let width: BatchWidth
  let columns: Int
  let int8: QuantizedView
  let int8Pairs: QuantizedView
  let int16: QuantizedView
  let planes: PlanesView
  let int8Octets: OctetView

  func dropping(tokens count: Int) -> ActivationView {
    if count == 0 { return self }
    return ActivationView(
      floats: floats + count * columns, width: width, columns: columns,
      int8: int8.advanced(tokens: count, columns: columns, codeBytes: 1),
      int8Pairs: int8Pairs.advanced(tokens: count, columns: columns, codeBytes: 1),
      int16: int16.advanced(tokens: count, columns: columns, codeBytes: 2),
      planes: planes.advanced(tokens: count),
      int8Octets: int8Octets.advanced(tokens: count, columns: columns))
  }
}

/// Rows of a weight matrix as kernels see them.
struct WeightTile {
  let type: TensorType
  let base: UnsafeRawPointer
  let rowBytes: Int
  let rows: Int
  let columns: Int
  /// What is read with the results of its rows: kernels fetch it while they multiply these.
  var beside = RowStreams()

  /// All of them.
  init(_ matrix: WeightMatrix) { self.init(matrix, first: 0, rows: matrix.rows) }

  init(_ matrix: WeightMatrix, first: Int, rows: Int) {
    type = matrix.type
    base = matrix.base + first * matrix.rowBytes
    rowBytes = matrix.rowBytes
    self.rows = rows
    columns = matrix.columns
  }

  private init(type: TensorType, base: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int) {
    self.type = type
    self.base = base
    self.rowBytes = rowBytes
    self.rows = rows
    self.columns = columns
  }

  /// Some of its rows.
  func slice(_ first: Int, _ count: Int) -> WeightTile {
    WeightTile(type: type, base: base + first * rowBytes, rowBytes: rowBytes, rows: count, columns: columns)
  }

  /// The same rows from column `first` on; `first` and `count` are whole blocks.
  func dropping(columns first: Int, keeping count: Int) -> WeightTile {
    let block = type.block
    return WeightTile(
      type: type, base: base + first / block.weights * block.bytes, rowBytes: rowBytes, rows: rows,
      columns: count)
  }
}
