import GGUF
import LoRA

extension Model {
  /// An adapter to be merged, and at which scale.
  public struct MergeInput: Sendable {
    public let adapter: LoRAAdapter
    public let scale: Float

    public init(_ adapter: LoRAAdapter, scale: Float = 1) {
      self.adapter = adapter
      self.scale = scale
    }
  }

  /// What was written.
  public struct Merge: Sendable {
    public let path: String
    public let byteCount: Int
    public let tensorCount: Int
    /// Tensors whose values are not the model's.
    public let changedCount: Int
    /// Does the output have a matrix of its own that it shared with the embedding?
    public let unties: Bool
    /// Types that tensors have instead of the model's.
    public let newTypes: [String]
    /// Tokens that the adapters added to the vocabulary.
    public let addedTokenCount: Int
    /// Where the chat template comes from that the model lacked; nil: nothing was added.
    public let templateFile: String?
  }

  /// Writes a model file that has adapters in its weights, whatever adapters are applied to the model.
  ///
  /// Written tensor by tensor, in pieces: memory stays small. The file appears under its name when it is complete.
  ///
  /// - Parameters:
  ///   - type: of all matrices; nil: each keeps its own, changed ones in formats that cannot be written become Q8_0.
  ///   - progress: called with bytes written, and with all there are.
  ///   - temporary: called with the name under which the file grows.
  /// - Throws: `AdapterError` (`cannotMerge`, what does not fit), `GGUFError` if the file cannot be written.
  @discardableResult
  public func merge(
    _ adapters: [MergeInput], to path: String, type: FileWeightType? = nil,
    progress: @escaping (_ done: Int, _ total: Int) -> Void = { _, _ in },
    temporary: (String) -> Void = { _ in }
  ) throws -> Merge {
    let template = try addedTemplate(adapters)
    let merge = try ModelMerge(
      decoder, adapters.map { AdapterBinding.Entry($0.adapter.adapter, scale: $0.scale) },
      types: type.map { .all($0.tensorType) } ?? .keep, template: template?.source)
    let total = merge.byteCount
    var done = 0
    try merge.write(
      to: path,
      progress: { count in
        done += count
        progress(done, total)
      }, temporary: temporary)
    return Merge(
      path: path, byteCount: try GGUFFile.open(path).mappedByteCount, tensorCount: merge.tensorCount,
      changedCount: merge.changedCount, unties: merge.unties, newTypes: merge.retyped,
      addedTokenCount: merge.addedTokenCount, templateFile: template?.file)
  }

  /// The chat template that a context with the adapters would have from them; nil: it has the model's, or none.
  private func addedTemplate(_ adapters: [MergeInput]) throws(AdapterError) -> AdapterTemplate? {
    let candidates = adapters.filter { $0.scale != 0 }.compactMap { input in
      input.adapter.chatTemplate.map { (name: input.adapter.name, template: $0) }
    }
    let selection = try TemplateSelection(.auto, own: format, candidates, by: tokenizer)
    guard case .adapter(_, let file) = selection.origin else { return nil }
    return candidates.first { $0.template.file == file }?.template
  }
}
