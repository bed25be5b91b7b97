import LoRA

/// A LoRA adapter, loaded once and applied unmerged: `W·x + scale × B(A·x)` and the kinds that build on it.
///
/// It belongs to no model until it is applied; one adapter may be applied to several models at different scales.
public final class LoRAAdapter: Sendable {
  package let adapter: Adapter
  /// The form of the conversations it was trained with; nil: nothing says.
  public let chatTemplate: AdapterTemplate?

  /// Loads an adapter: a GGUF file, or a PEFT folder (`adapter_config.json` and `adapter_model.safetensors`), either of
  /// its files, or a folder in which there is just one of these. Its matrices stay mapped; every value is checked to be finite.
  ///
  /// - Throws: `GGUFError` or `SafeTensorsError` for a damaged file, `AdapterError` for one that is no LoRA adapter or does
  ///   something that is not supported, by name.
  public static func load(_ path: String) throws -> LoRAAdapter {
    LoRAAdapter(try Adapter.read(path: path))
  }

  /// Is a path that of a folder, or of a file as PEFT folders have them, rather than of a GGUF file?
  package static func isPEFT(path: String) -> Bool { Adapter.isPEFT(path: path) }

  package init(_ adapter: Adapter) {
    self.adapter = adapter
    chatTemplate = adapter.template.map(AdapterTemplate.init)
  }

  /// `general.name` of the file, or the file's own name.
  public var name: String { adapter.name }
  public var path: String { adapter.path }
  /// The base model's architecture; nil: a PEFT adapter does not say, its base decides.
  public var architecture: String? { adapter.architecture }
  /// What its maker says about the base model; nil: nothing.
  public var baseModel: String? { adapter.baseModel }
  /// Activated LoRA: it acts from the last occurrence of these tokens in the prompt on. nil: it always acts.
  public var invocationTokens: [Int32]? { adapter.invocationTokens }
  /// Tokens that its tokenizer files list beside the trained vocabulary, those of the base model too.
  public var listedTokenCount: Int { adapter.addedTokens.count }
  /// nil: the file has no alpha, and the scale is the user's alone.
  public var alpha: Float? { adapter.alpha }
  /// Smallest and largest rank of its factor pairs.
  public var ranks: ClosedRange<Int> { adapter.ranks }
  /// Names of what it changes: tensors of the base's GGUF file, or modules of the model a PEFT adapter was trained on.
  public var targets: [String] { adapter.changes.map(\.tensor) }
  /// Bytes of its matrices.
  public var byteCount: Int { adapter.byteCount }
  /// Equal for adapters of equal content, wherever they came from.
  public var contentHash: String { adapter.contentHash.description }
}
