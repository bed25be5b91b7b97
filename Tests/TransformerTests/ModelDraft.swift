import GGUF
import Kernels
import TestSupport
import Transformer

/// The tiny llama model taken apart, to be changed in one place and put together again in memory: 64 wide, 3 layers,
/// 4 query and 2 key/value heads of 16, 128 inner values, 320 tokens.
struct ModelDraft {
  struct Tensor {
    var name: String
    var type: TensorType
    /// ggml order, fastest first.
    var dimensions: [Int]
    var bytes: [UInt8]

    /// A tensor of zeros.
    init(_ name: String, _ dimensions: [Int], _ type: TensorType = .f32) {
      self.name = name
      self.type = type
      self.dimensions = dimensions
      let rows = dimensions.dropFirst().reduce(1, *)
      bytes = [UInt8](repeating: 0, count: dimensions[0] / type.block.weights * type.block.bytes * rows)
    }

    init(_ name: String, _ values: [Float]) {
      self.init(name, [values.count])
      bytes = values.withUnsafeBytes { Array($0) }
    }
  }

  static let name = "bad.gguf"

  var metadata: [(key: String, value: MetadataValue)] = []
  var tensors: [Tensor] = []

  init(_ model: String = "llama") throws {
    let file = try GGUFFile.open(Fixtures.path("\(model)/model.gguf"))
    metadata = file.metadata.keys.compactMap { key in file.metadata[key].map { (key, $0) } }
    tensors = file.tensors.map { tensor in
      var copy = Tensor(tensor.name, tensor.dimensions, tensor.type)
      copy.bytes = file.withBytes(of: tensor) { Array($0) }
      return copy
    }
  }

  /// nil removes the key.
  subscript(key: String) -> MetadataValue? {
    get { metadata.first { $0.key == key }?.value }
    set {
      metadata.removeAll { $0.key == key }
      if let newValue { metadata.append((key, newValue)) }
    }
  }

  /// Adds a tensor, or puts it in the place of the one with its name.
  mutating func put(_ tensor: Tensor) {
    tensors.removeAll { $0.name == tensor.name }
    tensors.append(tensor)
  }

  mutating func remove(_ tensor: String) { tensors.removeAll { $0.name == tensor } }

  func file() throws -> GGUFFile {
    var writer = GGUFWriter()
    for (key, value) in metadata { writer.add(key, value) }
    for tensor in tensors {
      writer.addTensor(tensor.name, type: tensor.type, dimensions: tensor.dimensions, bytes: tensor.bytes)
    }
    return try GGUFFile(bytes: writer.serialized(), name: Self.name)
  }

  func decoder(_ table: KernelTable = .reference) throws -> Decoder {
    try Decoder(file(), compute: Compute(table: table, threads: 2))
  }
}
