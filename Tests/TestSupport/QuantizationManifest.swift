import Foundation

/// The `manifest.json` of `Fixtures/quant`: one model in many block formats, each with exact values to compare with.
package struct QuantizationManifest: Codable, Sendable {
  /// Rows of one tensor, dequantized by gguf-py.
  package struct ExpectedRows: Codable, Equatable, Sendable {
    package let tensor: String
    /// The tensor's type, as `Q4_K`.
    package let type: String
    /// First row and the one after the last.
    package let rows: [Int]
    /// The `.npy` file, relative to `Fixtures/quant`, and its `[rows, columns]`.
    package let file: String
    package let shape: [Int]
  }

  /// One quantized file.
  package struct Variant: Codable, Sendable {
    /// The model's file, relative to `Fixtures/quant`.
    package let gguf: String
    /// `pure`: every matrix has the type; `mixed`: the usual mixture of that name.
    package let mode: String
    package let expected: [ExpectedRows]
    /// Their only adapter is `lora`, see `adapterPath`.
    package let cases: [ConformanceCase]
  }

  /// llama.cpp's own error against the same references.
  package struct PeerError: Codable, Equatable, Sendable {
    package let maxAbs: Double
    package let rms: Double

    enum CodingKeys: String, CodingKey {
      case maxAbs = "max_abs_diff"
      case rms = "rms_diff"
    }
  }

  private struct CrossCheck: Codable {
    let peer: [String: PeerError]

    enum CodingKeys: String, CodingKey {
      case peer = "llama.cpp_vs_hf_dequant"
    }
  }

  package let sequences: [String: [Int]]
  /// By name of the variant, as `Q4_K_M`.
  package let types: [String: Variant]
  /// The adapter's file, relative to `Fixtures/quant`.
  package let lora: String

  /// The names of the variants, sorted.
  package var typeNames: [String] { types.keys.sorted() }

  /// Reads `Fixtures/quant/manifest.json`.
  package static func load() throws -> QuantizationManifest {
    try JSONDecoder().decode(
      QuantizationManifest.self, from: Data(contentsOf: Fixtures.url("quant/manifest.json")))
  }

  /// llama.cpp's error by variant and case id, from `Fixtures/quant/crosscheck.json`.
  package static func peerErrors() throws -> [String: [String: PeerError]] {
    try JSONDecoder().decode(
      [String: CrossCheck].self, from: Data(contentsOf: Fixtures.url("quant/crosscheck.json"))
    ).mapValues(\.peer)
  }

  /// The variant of this name.
  package func variant(_ name: String) throws -> Variant {
    guard let variant = types[name] else {
      throw FixtureError.missing(what: "type \(name)", manifest: "quant")
    }
    return variant
  }

  /// The path of a variant's file.
  package func modelPath(_ variant: Variant) -> String { Fixtures.path("quant/\(variant.gguf)") }

  /// The path of the adapter that the cases name `lora`.
  package var adapterPath: String { Fixtures.path("quant/\(lora)") }

  /// The token ids of a case.
  package func tokens(of item: ConformanceCase) throws -> [Int] {
    guard let tokens = sequences[item.sequence] else {
      throw FixtureError.missing(what: "sequence \(item.sequence)", manifest: "quant")
    }
    return tokens
  }

  /// The reference logits of a case, one row for each of its positions.
  package func logits(of item: ConformanceCase) throws -> NPYArray {
    try NPYArray(fixture: "quant/\(item.logits)")
  }

  /// The exact values of some rows.
  package func values(of expected: ExpectedRows) throws -> NPYArray {
    try NPYArray(fixture: "quant/\(expected.file)")
  }
}
