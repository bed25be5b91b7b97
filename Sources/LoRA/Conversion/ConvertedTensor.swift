import GGUF
import Kernels

/// A tensor of a GGUF adapter that is about to be written.
struct ConvertedTensor: Sendable {
  let name: String
  /// ggml order, fastest first.
  let dimensions: [Int]
  let type: TensorType
  private let parts: [WeightMatrix]
  private let factors: [Float]

  /// - Parameters:
  ///   - parts: matrices under each other.
  ///   - factors: what each of them is multiplied with.
  init(
    _ name: String, _ dimensions: [Int], _ type: TensorType, _ parts: [WeightMatrix], factors: [Float]? = nil
  ) {
    precondition(parts.reduce(0) { $0 + $1.rows * $1.columns } == dimensions.reduce(1, *))
    self.name = name
    self.dimensions = dimensions
    // As llama.cpp's converter: rows that are not whole blocks are written as halves.
    self.type = dimensions[0] % type.block.weights == 0 ? type : .f16
    self.parts = parts
    self.factors = factors ?? .init(repeating: 1, count: parts.count)
  }

  /// A vector, always float32.
  init(_ name: String, _ values: [Float]) {
    self.init(name, [values.count], .f32, [WeightMatrix(rows: 1, columns: values.count, values)])
  }

  var byteCount: Int { dimensions.reduce(1, *) / type.block.weights * type.block.bytes }

  /// Do all values survive the format?
  func fits() -> Bool {
    (0..<parts.count).allSatisfy { part in
      if parts[part].type == type, factors[part] == 1 { return true }
      let limit: Float
      switch type {
      case .f16: limit = 65504
      // The scale is a half, for a 127th part of the largest.
      case .q8_0: limit = 65504 * 127
      default: limit = .greatestFiniteMagnitude
      }
      return values(part).allSatisfy { abs($0) <= limit }
    }
  }

  private func values(_ part: Int) -> [Float] {
    let values = parts[part].dequantized()
    return factors[part] == 1 ? values : values.map { $0 * factors[part] }
  }

  func write(_ sink: GGUFWriter.Sink) throws(GGUFError) {
    for part in parts.indices {
      if parts[part].type == type, factors[part] == 1 {
        try parts[part].withBytes { bytes throws(GGUFError) in try sink(bytes) }
      } else {
        let bytes = WeightEncoder.encode(values(part), as: type)
        try bytes.withUnsafeBufferPointer { bytes throws(GGUFError) in try sink(UnsafeRawBufferPointer(bytes))
        }
      }
    }
  }
}
