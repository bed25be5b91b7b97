import GGUF
import LoRA

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A LoRA adapter, loaded once and applied unmerged: `W·x + scale × B(A·x)`.
///
/// It belongs to no model until it is applied; one adapter may be applied to several models at different scales.
public final class LoRAAdapter: Sendable {
  package let adapter: Adapter

  /// Loads a GGUF adapter. Its factors stay mapped; every value is checked to be finite.
  ///
  /// - Throws: `GGUFError` for a damaged file, `AdapterError` for one that is no LoRA adapter.
  public static func load(_ path: String) throws -> LoRAAdapter {
    if access(path + "/adapter_config.json", F_OK) == 0 {
      throw AdapterError.unsupportedKind(file: path, kind: "PEFT-folder")
    }
    return LoRAAdapter(try Adapter.read(try GGUFFile.open(path)))
  }

  package init(_ adapter: Adapter) { self.adapter = adapter }

  /// `general.name` of the file, or the file's own name.
  public var name: String { adapter.name }
  public var path: String { adapter.path }
  /// The base model's architecture.
  public var architecture: String { adapter.architecture }
  /// nil: the file has no alpha, and the scale is the user's alone.
  public var alpha: Float? { adapter.alpha }
  /// Smallest and largest rank of its factor pairs.
  public var ranks: ClosedRange<Int> { adapter.ranks }
  /// Names of the base tensors it changes.
  public var targets: [String] { adapter.pairs.map(\.tensor) }
  /// Bytes of its factors.
  public var byteCount: Int { adapter.byteCount }
  /// Equal for adapters of equal content, wherever they came from.
  public var contentHash: String { adapter.contentHash.description }
}
