import GGUF

/// What a model family adds to the common decoder: which tensors a layer has and how queries and keys are rotated.
package protocol Architecture {
  /// Are rotary pairs neighbours (2i, 2i + 1), rather than halves (i, i + n/2)?
  static var interleavedRotary: Bool { get }
  /// Whether its layers have experts. Default: none.
  static var experts: ExpertRule { get }
  /// Does `attention.sliding_window` limit what a token sees, in every layer? Default: no.
  static var hasWindow: Bool { get }
  /// Takes layer `index`'s tensors, whose names begin with `prefix` (`blk.<index>`).
  static func layer(_ prefix: String, _ loader: inout WeightLoader) throws -> DecoderLayer
}

extension Architecture {
  static var experts: ExpertRule { .none }
  static var hasWindow: Bool { false }
}

/// Whether models of an architecture are mixtures of experts: as a file says, always, or never.
package enum ExpertRule: Sendable { case none, optional, required }

/// The architectures by the name in `general.architecture`. A new one is a file in `Architectures` and a case here;
/// the exhaustive switch asks for the rest.
package enum ArchitectureName: String, CaseIterable, Sendable {
  case llama
  case phi3
  case qwen2
  case qwen3
  case qwen3moe

  var architecture: any Architecture.Type {
    switch self {
    case .llama: LlamaArchitecture.self
    case .phi3: Phi3Architecture.self
    case .qwen2: Qwen2Architecture.self
    case .qwen3: Qwen3Architecture.self
    case .qwen3moe: Qwen3MoEArchitecture.self
    }
  }

  /// The architecture a file names.
  init(_ file: GGUFFile) throws {
    let name = try file.metadata.requiredString("general.architecture")
    guard let found = ArchitectureName(rawValue: name) else {
      throw ModelError.unsupportedArchitecture(
        file: file.path, name: name, supported: Self.allCases.map(\.rawValue))
    }
    self = found
  }
}
