/// Collects metadata and tensors and writes a GGUF file (version 3 unless told otherwise).
///
/// Nothing is checked while collecting; `serialized()` and `write(to:)` throw what `GGUFFile` would throw on reading:
/// repeated keys or names, bad shapes, a bad alignment. Tensors keep the order in which they were added.
package struct GGUFWriter {
  /// Receives a tensor's bytes, in as many pieces as the source likes.
  package typealias Sink = (UnsafeRawBufferPointer) throws(GGUFError) -> Void
  /// Hands a tensor's bytes to the sink in order; called once per writing.
  package typealias Source = (Sink) throws(GGUFError) -> Void

  /// 2 or 3; the two have the same layout.
  package var version: UInt32 = 3
  package private(set) var metadata: [(key: String, value: MetadataValue)] = []
  private(set) var tensors: [Tensor] = []

  struct Tensor {
    let name: String
    let type: TensorType
    let dimensions: [Int]
    let source: Source
  }

  package init() {}

  /// Adds a pair. `general.alignment`, if added, is obeyed; otherwise tensors are aligned to 32 bytes.
  package mutating func add(_ key: String, _ value: MetadataValue) {
    metadata.append((key, value))
  }

  /// - Parameter dimensions: in ggml order, fastest first.
  package mutating func addTensor(_ name: String, type: TensorType, dimensions: [Int], bytes: [UInt8]) {
    addTensor(name, type: type, dimensions: dimensions) { sink throws(GGUFError) in
      try bytes.withUnsafeBufferPointer { buffer throws(GGUFError) in try sink(UnsafeRawBufferPointer(buffer))
      }
    }
  }

  /// Adds a tensor without copying it: `bytes` must stay valid until the last writing is done.
  package mutating func addTensor(
    _ name: String, type: TensorType, dimensions: [Int], viewing bytes: UnsafeRawBufferPointer
  ) {
    addTensor(name, type: type, dimensions: dimensions) { sink throws(GGUFError) in try sink(bytes) }
  }

  /// Adds a tensor whose bytes are made while they are written, so that a model need not fit into memory.
  package mutating func addTensor(
    _ name: String, type: TensorType, dimensions: [Int], source: @escaping Source
  ) {
    tensors.append(Tensor(name: name, type: type, dimensions: dimensions, source: source))
  }
}
