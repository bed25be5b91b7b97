import Foundation

/// The `manifest.json` of a tiny model: token sequences, adapters, reference logits and tokenizer cases.
package struct ConformanceManifest: Codable, Sendable {
  /// Where an adapter is stored, relative to the manifest's folder.
  package struct Adapter: Codable, Sendable {
    /// The PEFT folder, if it is committed.
    package let peft: String?
    /// The GGUF file; nil where that format cannot say what the adapter does.
    package let gguf: String?
  }

  /// A text and its token ids.
  package struct TokenizerCase: Codable, Equatable, Sendable {
    package let text: String
    /// Whether BOS and EOS belong to `ids`.
    package let addSpecial: Bool
    /// Whether the text of a special token counts as that token.
    package let parseSpecial: Bool
    package let ids: [Int]

    enum CodingKeys: String, CodingKey {
      case text, ids
      case addSpecial = "add_special"
      case parseSpecial = "parse_special"
    }
  }

  /// The folder's name below `Fixtures/`.
  package let model: String
  /// The model's file, relative to the folder.
  package let gguf: String
  /// The file's `general.architecture`.
  package let architecture: String
  /// Token ids by name, complete: no BOS is to be added.
  package let sequences: [String: [Int]]
  package let tokenizerCases: [TokenizerCase]
  package let adapters: [String: Adapter]
  package let cases: [ConformanceCase]

  enum CodingKeys: String, CodingKey {
    case model, gguf, sequences, adapters, cases
    case architecture = "gguf_arch"
    case tokenizerCases = "tokenizer_cases"
  }

  /// The tiny float32 models that `Fixtures/` holds, by folder name.
  package static let models =
    ["llama", "llama_tied_l3rope", "llama_bias_linear", "mistral", "qwen2", "phi3_longrope"] + expertModels

  /// The mixtures of experts among them.
  package static let expertModels = ["mixtral", "qwen3moe"]

  /// Further kinds of adapters for some of them, by folder name; PEFT folders only, made by `Fixtures/generate`.
  package static let kindModels =
    ["kinds/llama", "kinds/qwen2", "kinds/llama_bias_linear", "kinds/llama_tied_l3rope"]

  /// Reads `Fixtures/<model>/manifest.json`.
  package static func load(_ model: String) throws -> ConformanceManifest {
    try JSONDecoder().decode(
      ConformanceManifest.self, from: Data(contentsOf: Fixtures.url("\(model)/manifest.json")))
  }

  /// The path of the model file.
  package var modelPath: String { Fixtures.path("\(model)/\(gguf)") }

  /// The path of an adapter's GGUF file; throws `FixtureError.missing` if it has none.
  package func adapterPath(_ name: String) throws -> String {
    guard let file = adapters[name]?.gguf else {
      throw FixtureError.missing(what: "adapter \(name)", manifest: model)
    }
    return Fixtures.path("\(model)/\(file)")
  }

  /// The path of an adapter's PEFT folder; throws `FixtureError.missing` if it has none.
  package func peftPath(_ name: String) throws -> String {
    guard let folder = adapters[name]?.peft else {
      throw FixtureError.missing(what: "PEFT adapter \(name)", manifest: model)
    }
    return Fixtures.path("\(model)/\(folder)")
  }

  /// The token ids of a case.
  package func tokens(of item: ConformanceCase) throws -> [Int] {
    guard let tokens = sequences[item.sequence] else {
      throw FixtureError.missing(what: "sequence \(item.sequence)", manifest: model)
    }
    return tokens
  }

  /// The reference logits of a case, one row for each of its positions.
  package func logits(of item: ConformanceCase) throws -> NPYArray {
    try NPYArray(fixture: "\(model)/\(item.logits)")
  }

  /// The case with this id.
  package func conformanceCase(_ id: String) throws -> ConformanceCase {
    guard let item = cases.first(where: { $0.id == id }) else {
      throw FixtureError.missing(what: "case \(id)", manifest: model)
    }
    return item
  }
}
