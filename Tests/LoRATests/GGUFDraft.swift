import GGUF
import Kernels

/// A GGUF file taken apart, to be changed and put together again in memory.
struct GGUFDraft {
  struct Tensor {
    var name: String
    var type: TensorType
    /// ggml order, fastest first.
    var dimensions: [Int]
    var bytes: [UInt8]
  }

  var metadata: [(key: String, value: MetadataValue)] = []
  var tensors: [Tensor] = []

  init() {}

  init(_ file: GGUFFile) {
    metadata = file.metadata.keys.compactMap { key in file.metadata[key].map { (key, $0) } }
    tensors = file.tensors.map { tensor in
      Tensor(
        name: tensor.name, type: tensor.type, dimensions: tensor.dimensions,
        bytes: file.withBytes(of: tensor) { Array($0) })
    }
  }

  init(path: String) throws { self.init(try GGUFFile.open(path)) }

  /// nil removes the key.
  subscript(key: String) -> MetadataValue? {
    get { metadata.first { $0.key == key }?.value }
    set {
      let index = metadata.firstIndex { $0.key == key }
      switch (index, newValue) {
      case (let index?, let value?): metadata[index].value = value
      case (let index?, nil): metadata.remove(at: index)
      case (nil, let value?): metadata.append((key, value))
      case (nil, nil): break
      }
    }
  }

  func index(of tensor: String) -> Int? { tensors.firstIndex { $0.name == tensor } }

  /// Adds a tensor, or puts it in the place of the one with its name.
  mutating func put(_ tensor: Tensor) {
    if let index = index(of: tensor.name) { tensors[index] = tensor } else { tensors.append(tensor) }
  }

  func bytes() throws -> [UInt8] {
    var writer = GGUFWriter()
    for (key, value) in metadata { writer.add(key, value) }
    for tensor in tensors {
      writer.addTensor(tensor.name, type: tensor.type, dimensions: tensor.dimensions, bytes: tensor.bytes)
    }
    return try writer.serialized()
  }

  func file(_ name: String = "memory") throws -> GGUFFile { try GGUFFile(bytes: bytes(), name: name) }

  /// The same with every matrix that `choose` names converted to another format.
  func converted(to type: TensorType, where choose: (Tensor) -> Bool = { $0.dimensions.count == 2 })
    -> GGUFDraft
  {
    var copy = self
    for index in tensors.indices where choose(tensors[index]) {
      copy.tensors[index] = tensors[index].converted(to: type)
    }
    return copy
  }
}

extension GGUFDraft.Tensor {
  init(_ name: String, _ dimensions: [Int], _ values: [Float], as type: TensorType = .f32) {
    self.init(name: name, type: type, dimensions: dimensions, bytes: Self.encode(values, as: type))
  }

  /// The exact values as float32, row after row.
  var values: [Float] {
    let count = dimensions.reduce(1, *)
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      bytes.withUnsafeBytes { source in
        if let target = buffer.baseAddress, let start = source.baseAddress {
          BlockFormats.dequantizeKnown(type, start, count: count, into: target)
        }
      }
      initialized = count
    }
  }

  func converted(to type: TensorType) -> Self { Self(name, dimensions, values, as: type) }

  /// The reference quantizer's bytes; traps on a format that has none.
  private static func encode(_ values: [Float], as type: TensorType) -> [UInt8] {
    guard let format = BlockFormats.format(of: type) as? any QuantizableFormat.Type else {
      preconditionFailure("no quantizer for \(type.name)")
    }
    var bytes = [UInt8](repeating: 0, count: values.count / format.weightsPerBlock * format.bytesPerBlock)
    bytes.withUnsafeMutableBytes { target in
      values.withUnsafeBufferPointer { source in
        guard let target = target.baseAddress, let source = source.baseAddress else { return }
        for block in 0..<values.count / format.weightsPerBlock {
          format.quantize(
            source + block * format.weightsPerBlock, into: target + block * format.bytesPerBlock)
        }
      }
    }
    return bytes
  }
}
