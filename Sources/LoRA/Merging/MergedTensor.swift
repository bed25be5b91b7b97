import GGUF
import Kernels

/// A tensor of a merged model that is about to be written.
struct MergedTensor {
  /// A matrix and what is added to it.
  struct Part {
    let weight: WeightMatrix
    /// nil: nothing.
    let delta: LowRankDelta?
    /// More than the matrix has where the delta brings the others.
    let rows: Int

    init(_ weight: WeightMatrix, _ delta: LowRankDelta?, rows: Int? = nil) {
      self.weight = weight
      self.delta = delta
      self.rows = rows ?? weight.rows
    }
  }

  enum Content {
    /// The model's own bytes.
    case copied(GGUFFile, TensorInfo)
    /// Matrices under each other.
    case matrices([Part], isEmbedding: Bool, Compute)
    case vector([Float])
  }

  let name: String
  /// ggml order, fastest first.
  let dimensions: [Int]
  let type: TensorType
  /// The type it has in the model; nil: it has none.
  let source: TensorType?
  let content: Content

  /// Bytes of a piece, about.
  private static let pieceBytes = 4 << 20

  var byteCount: Int { dimensions.reduce(1, *) / type.block.weights * type.block.bytes }

  func write(_ sink: GGUFWriter.Sink) throws(GGUFError) {
    switch content {
    case .copied(let file, let tensor):
      try file.withBytes(of: tensor) { bytes throws(GGUFError) in
        var start = 0
        while start < bytes.count {
          let end = min(bytes.count, start + Self.pieceBytes)
          try sink(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
          start = end
        }
      }
    case .vector(let values): try Self.write(WeightEncoder.encode(values, as: type), sink)
    case .matrices(let parts, let isEmbedding, let compute):
      for part in parts {
        let matrix = AdaptedMatrix(
          part.weight, part.delta, isEmbedding: isEmbedding, rows: part.rows, compute)
        let count = max(1, Self.pieceBytes / (4 * part.weight.columns))
        var row = 0
        while row < matrix.rows {
          let end = min(matrix.rows, row + count)
          try Self.write(matrix.encoded(rows: row..<end, as: type), sink)
          row = end
        }
      }
    }
  }

  private static func write(_ bytes: [UInt8], _ sink: GGUFWriter.Sink) throws(GGUFError) {
    try bytes.withUnsafeBufferPointer { buffer throws(GGUFError) in try sink(UnsafeRawBufferPointer(buffer)) }
  }
}
