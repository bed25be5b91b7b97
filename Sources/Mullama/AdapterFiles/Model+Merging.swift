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
    let merge = try ModelMerge(
      decoder, adapters.map { AdapterBinding.Entry($0.adapter.adapter, scale: $0.scale) },
      types: type.map { .all($0.tensorType) } ?? .keep)
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
      changedCount: merge.changedCount, unties: merge.unties, newTypes: merge.retyped)
  }
}
