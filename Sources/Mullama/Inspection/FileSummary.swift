import GGUF

/// What a GGUF file says about itself: read from its header alone, so also for models that cannot be run here.
public struct FileSummary: Sendable {
  /// One tensor: its sizes are in ggml order, fastest dimension first.
  public struct Tensor: Sendable, Equatable {
    public let name: String
    public let type: String
    public let dimensions: [Int]
    public let byteCount: Int
  }

  /// The tensors of one weight type together.
  public struct TypeShare: Sendable, Equatable {
    public let type: String
    public let tensorCount: Int
    public let weightCount: Int
    public let byteCount: Int
  }

  /// A key of the metadata; a long value is cut.
  public struct Entry: Sendable, Equatable {
    public let key: String
    /// `uint32`, `array of string`, …
    public let type: String
    public let value: String
  }

  public let path: String
  public let version: Int
  /// Size of the file, of all parts if it is split.
  public let byteCount: Int
  /// `general.type`: `model` where the file does not say, `adapter`, …
  public let kind: String
  public let architecture: String?
  public let name: String?
  public let weightCount: Int
  /// By bytes, largest first.
  public let types: [TypeShare]
  public let tensors: [Tensor]
  public let metadata: [Entry]

  // Of models; nil where the file does not have the key, or has one value for each layer.
  public let contextLength: Int?
  public let layerCount: Int?
  public let embeddingLength: Int?
  public let feedForwardLength: Int?
  public let headCount: Int?
  public let kvHeadCount: Int?
  /// Experts of a layer, and how many of them a token uses.
  public let expertCount: Int?
  public let usedExpertCount: Int?
  public let vocabularySize: Int?
  /// `tokenizer.ggml.model` and, behind a slash, `tokenizer.ggml.pre`.
  public let tokenizer: String?
  public let hasChatTemplate: Bool

  /// Reads a file's header. Unknown architectures and keys of an unexpected type are no error here.
  ///
  /// - Throws: `GGUFError` for a file that is damaged or no GGUF file.
  public static func read(_ path: String) throws -> FileSummary { FileSummary(try GGUFFile.open(path)) }

  init(_ file: GGUFFile) {
    let metadata = file.metadata
    func text(_ key: String) -> String? { try? metadata.string(key) }
    let architecture = text("general.architecture")
    func number(_ key: String) -> Int? {
      architecture.flatMap { name in (try? metadata.int("\(name).\(key)")) ?? nil }
    }
    self.architecture = architecture
    path = file.path
    version = Int(file.version)
    byteCount = file.mappedByteCount
    kind = text("general.type") ?? "model"
    name = text("general.name")
    weightCount = file.tensors.reduce(0) { $0.addingReportingOverflow($1.elementCount).partialValue }
    types = Self.shares(file.tensors)
    tensors = file.tensors.map {
      Tensor(name: $0.name, type: $0.type.name, dimensions: $0.dimensions, byteCount: $0.byteCount)
    }
    self.metadata = metadata.keys.compactMap { key in
      metadata[key].map { Entry(key: key, type: $0.typeName, value: $0.excerpt) }
    }
    contextLength = number("context_length")
    layerCount = number("block_count")
    embeddingLength = number("embedding_length")
    feedForwardLength = number("feed_forward_length")
    headCount = number("attention.head_count")
    kvHeadCount = number("attention.head_count_kv")
    expertCount = number("expert_count")
    usedExpertCount = number("expert_used_count")
    let tokens: Int? =
      if case .array(let list) = metadata["tokenizer.ggml.tokens"] { list.count } else { nil }
    vocabularySize = tokens ?? number("vocab_size")
    tokenizer = text("tokenizer.ggml.model").map { model in
      text("tokenizer.ggml.pre").map { "\(model) / \($0)" } ?? model
    }
    hasChatTemplate = text("tokenizer.chat_template") != nil
  }

  private static func shares(_ tensors: [TensorInfo]) -> [TypeShare] {
    Dictionary(grouping: tensors, by: \.type).map { type, members in
      TypeShare(
        type: type.name, tensorCount: members.count, weightCount: members.reduce(0) { $0 + $1.elementCount },
        byteCount: members.reduce(0) { $0 + $1.byteCount })
    }.sorted { ($0.byteCount, $1.type) > ($1.byteCount, $0.type) }
  }
}
