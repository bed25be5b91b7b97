import GGUF
import Kernels

/// A tensor of a merged model that is about to be written.
struct MergedTensor {
  enum Content {
    /// The model's own bytes.
    case copied(GGUFFile, TensorInfo)
    /// Matrices under each other, with what is added to them.
    case matrices([(weight: WeightMatrix, delta: LowRankDelta?)], isEmbedding: Bool, Compute)
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
      for (weight, delta) in parts {
        let matrix = AdaptedMatrix(weight, delta, isEmbedding: isEmbedding, compute)
        let count = max(1, Self.pieceBytes / (4 * weight.columns))
        var row = 0
        while row < weight.rows {
          let end = min(weight.rows, row + count)
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
