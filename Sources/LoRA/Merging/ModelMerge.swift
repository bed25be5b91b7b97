import GGUF
import Kernels
import Transformer

/// A model with adapters added into its weights, as a GGUF file of its own.
///
/// What is added is what a bound set does at run time, so that both are the same but for rounding. Tensors are made while
/// they are written, some rows at a time: memory is bounded whatever the model's size.
package struct ModelMerge {
  /// In which type matrices are written.
  package enum Types: Sendable, Equatable {
    /// In the model's own; a changed one in Q8_0 where its format cannot be written.
    case keep
    /// All in one that `WeightEncoder` can write, but for routers and vectors.
    case all(TensorType)
  }

  let tensors: [MergedTensor]
  private let metadata: [(key: String, value: MetadataValue)]
  /// Tensors whose values are not the model's.
  package let changedCount: Int
  /// Does the output get a matrix of its own, because the model ties it to the embedding and only one of them changes?
  package let unties: Bool
  /// Tokens that the model has no text for, and the file has.
  package let addedTokenCount: Int

  package var tensorCount: Int { tensors.count }
  /// Bytes of all tensors.
  package var byteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }
  /// Types of the tensors that had to change theirs, from what to what.
  package var retyped: [String] {
    Array(Set(tensors.compactMap { $0.source != nil && $0.source != $0.type ? $0.type.name : nil })).sorted()
  }

  /// - Parameter template: a chat template for the file, if the model has none.
  /// - Throws: what keeps an adapter from fitting; `cannotMerge` for what is no matter of weights alone.
  package init(
    _ decoder: Decoder, _ entries: [AdapterBinding.Entry], types: Types, template: String? = nil
  ) throws(AdapterError) {
    if let waiting = entries.first(where: { $0.adapter.invocationTokens != nil && $0.scale != 0 }) {
      throw .cannotMerge(
        adapter: waiting.adapter.path, reason: "it acts from its invocation tokens on only, weights always do"
      )
    }
    let set = try AdapterBinding.bind(entries, to: decoder)
    addedTokenCount = set?.addedTokens.count ?? 0
    var planner = MergePlanner(decoder, set, types)
    do { try planner.plan() } catch {
      throw .cannotMerge(adapter: entries.map(\.adapter.path).joined(separator: ", "), reason: error.reason)
    }
    tensors = planner.tensors
    changedCount = planner.changedCount
    unties = planner.unties
    var vocabulary: MergedVocabulary?
    if let set, !set.addedTokens.isEmpty || set.outputExtension != nil {
      vocabulary = MergedVocabulary(decoder, set)
    }
    metadata = Self.header(decoder.file, entries, types, vocabulary, template)
  }

  private static func header(
    _ file: GGUFFile, _ entries: [AdapterBinding.Entry], _ types: Types, _ vocabulary: MergedVocabulary?,
    _ template: String?
  ) -> [(key: String, value: MetadataValue)] {
    // The result is one file, whatever the model was.
    var keys = file.metadata.keys.filter { !$0.hasPrefix("split.") }.compactMap { key in
      file.metadata[key].map { (key: key, value: $0) }
    }
    func set(_ key: String, _ value: MetadataValue) {
      if let index = keys.firstIndex(where: { $0.key == key }) {
        keys[index].value = value
      } else {
        keys.append((key, value))
      }
    }
    for (key, value) in vocabulary?.keys ?? [] { set(key, value) }
    if let template, file.metadata[OwnTensors.templateKey] == nil {
      set(OwnTensors.templateKey, .string(template))
    }
    if case .all(let type) = types, let number = fileType(type) { set("general.file_type", .uint32(number)) }
    set("general.quantization_version", .uint32(2))
    set(
      "mullama.merged",
      .array(.string(entries.map { "\($0.adapter.name)@\($0.scale) \($0.adapter.contentHash)" })))
    return keys
  }

  /// Source: `llama_ftype` in llama.h.
  private static func fileType(_ type: TensorType) -> UInt32? {
    switch type {
    case .f32: 0
    case .f16: 1
    case .q8_0: 7
    case .bf16: 32
    default: nil
    }
  }

  private func writer(_ progress: @escaping (Int) -> Void) -> GGUFWriter {
    var writer = GGUFWriter()
    for (key, value) in metadata { writer.add(key, value) }
    for tensor in tensors {
      writer.addTensor(tensor.name, type: tensor.type, dimensions: tensor.dimensions) {
        sink throws(GGUFError) in
        try tensor.write { piece throws(GGUFError) in
          try sink(piece)
          progress(piece.count)
        }
      }
    }
    return writer
  }

  /// The file in memory.
  package func serialized() throws(GGUFError) -> [UInt8] { try writer { _ in }.serialized() }

  /// Writes the file; it appears under its name when it is complete.
  ///
  /// - Parameters:
  ///   - progress: called with the bytes of each piece that was written, `byteCount` in all.
  ///   - temporary: called with the name under which the file grows, to be removed if the process is interrupted.
  package func write(
    to path: String, progress: @escaping (Int) -> Void = { _ in }, temporary: (String) -> Void = { _ in }
  ) throws(GGUFError) {
    try writer(progress).write(to: path, temporary: temporary)
  }
}
