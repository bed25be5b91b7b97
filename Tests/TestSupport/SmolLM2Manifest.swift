import Foundation
import Testing

/// The `manifest.json` of `Fixtures/smollm2`: prompts, logits and greedy text of a real model with real adapters.
///
/// The model itself is not a fixture; see `TestModels`.
package struct SmolLM2Manifest: Codable, Sendable {
  /// A user's question, the chat text made from it, and its token ids.
  package struct Prompt: Codable, Equatable, Sendable {
    package let id: String
    package let user: String
    /// The chat template's output, with the default system prompt and the opening of the assistant's turn.
    package let text: String
    /// The ids of `text`; no BOS is to be added.
    package let tokens: [Int]
  }

  /// What the reference says when it always takes the best token.
  package struct Greedy: Codable, Equatable, Sendable {
    package let ids: [Int]
    package let text: String
    /// How far the best token was ahead of the second, at each step.
    package let margins: [Double]
    package let minMargin: Double

    enum CodingKeys: String, CodingKey {
      case ids, text, margins
      case minMargin = "min_margin"
    }
  }

  /// One prompt under one set of adapters.
  package struct Case: Codable, Equatable, Sendable, CustomTestStringConvertible {
    /// As `sql@0.8+pirate@0.5.sql0`.
    package let id: String
    package let adapters: [ConformanceCase.AppliedAdapter]
    package let prompt: String
    /// The `.npy` file with the last position's logits, or nil: one adapter at 0.5 has only `greedy`.
    package let logits: String?
    package let greedy: Greedy

    package var testDescription: String { id }
  }

  /// llama.cpp's distance from the same references, on the same Q4_1 file.
  package struct PeerError: Codable, Equatable, Sendable {
    package let maxAbs: Double
    package let rms: Double
    package let klDivergence: Double

    enum CodingKeys: String, CodingKey {
      case maxAbs = "max_abs_diff"
      case rms = "rms_diff"
      case klDivergence = "kl_hf_to_llama.cpp"
    }
  }

  private struct CrossCheck: Codable {
    let q4_1: PeerError
  }

  package let adapters: [String: ConformanceManifest.Adapter]
  package let prompts: [Prompt]
  package let cases: [Case]
  /// The token that ends a turn.
  package let eos: Int

  /// The cases that have logits.
  package var casesWithLogits: [Case] { cases.filter { $0.logits != nil } }

  /// Reads `Fixtures/smollm2/manifest.json`.
  package static func load() throws -> SmolLM2Manifest {
    try JSONDecoder().decode(
      SmolLM2Manifest.self, from: Data(contentsOf: Fixtures.url("smollm2/manifest.json")))
  }

  /// llama.cpp's error by case id, from `Fixtures/smollm2/crosscheck.json`.
  package static func peerErrors() throws -> [String: PeerError] {
    try JSONDecoder().decode(
      [String: CrossCheck].self, from: Data(contentsOf: Fixtures.url("smollm2/crosscheck.json"))
    ).mapValues(\.q4_1)
  }

  /// The path of an adapter's GGUF file.
  package func adapterPath(_ name: String) throws -> String {
    guard let file = adapters[name]?.gguf else {
      throw FixtureError.missing(what: "adapter \(name)", manifest: "smollm2")
    }
    return Fixtures.path("smollm2/\(file)")
  }

  /// The prompt of a case.
  package func prompt(of item: Case) throws -> Prompt {
    guard let prompt = prompts.first(where: { $0.id == item.prompt }) else {
      throw FixtureError.missing(what: "prompt \(item.prompt)", manifest: "smollm2")
    }
    return prompt
  }

  /// The reference logits of the prompt's last position, one row.
  package func logits(of item: Case) throws -> [Float] {
    guard let file = item.logits else {
      throw FixtureError.missing(what: "logits of \(item.id)", manifest: "smollm2")
    }
    return try NPYArray(fixture: "smollm2/\(file)").values
  }
}
