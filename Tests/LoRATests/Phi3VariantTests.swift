import Foundation
import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// The tiny phi3 with other settings, against transformers with the same: plain rotary embedding over whole heads, long
/// factors, windows.
@Suite struct Phi3VariantTests {
  /// Of `Fixtures/phi3_longrope/variants.json`.
  struct Variant: Decodable, Sendable, CustomTestStringConvertible {
    struct Case: Decodable, Sendable {
      /// nil: the base.
      let adapter: String?
      let sequence: String
      let positions: [Int]
      let logits: String
    }

    let name: String
    /// Keys with other values; nil: without the key.
    let keys: [String: Double?]
    let without: [String]
    let cases: [Case]
    var testDescription: String { name }
  }

  private struct File: Decodable { let variants: [Variant] }

  private static let model = "phi3_longrope"
  static let variants: [Variant] =
    (try? JSONDecoder().decode(
      File.self, from: Data(contentsOf: Fixtures.url("\(model)/variants.json"))))?.variants ?? []

  static func draft(_ variant: Variant) throws -> GGUFDraft {
    var draft = try GGUFDraft(path: ConformanceManifest.load(model).modelPath)
    for (key, value) in variant.keys {
      draft[key] = value.map { key.hasSuffix("_factor") ? .float32(Float($0)) : .uint32(UInt32($0)) }
    }
    draft.tensors.removeAll { variant.without.contains($0.name) }
    return draft
  }

  private func logits(_ variant: Variant, _ item: Variant.Case, _ table: KernelTable, batch: Int?) throws
    -> [[Float]]
  {
    let manifest = try ConformanceManifest.load(Self.model)
    let run = try DecoderRun(Self.draft(variant).file(), table)
    let adapters = try item.adapter.map { [(try LoRA.Adapter.read(path: manifest.peftPath($0)), Float(1))] }
    let tokens = try #require(manifest.sequences[item.sequence])
    let rows = try run.logits(tokens, run.bind(adapters ?? []), batch: batch)
    return item.positions.map { rows[$0] }
  }

  @Test func covers() {
    #expect(
      Set(Self.variants.map(\.name)) == ["plain", "last_short", "first_long", "window", "window_of_all"])
    for variant in Self.variants { #expect(Set(variant.cases.map(\.adapter)) == [nil, "lora"]) }
  }

  @Test(arguments: variants) func matches(_ variant: Variant) throws {
    for item in variant.cases {
      let reference = try NPYArray(fixture: "\(Self.model)/\(item.logits)")
      let expected = item.positions.indices.map { reference.row($0) }
      for table in DecoderRun.tables {
        for batch in [nil, 1, 7] {
          let found = try logits(variant, item, table, batch: batch)
          #expect(difference(found, expected) < Tolerance.floatWeights(table), "\(table.name)")
        }
      }
    }
  }

  /// A window of one position fewer or more, or none, is another model.
  @Test(arguments: [4, 6, 0]) func theWindowIsExact(_ length: UInt32) throws {
    let variant = try #require(Self.variants.first { $0.name == "window" })
    let item = try #require(variant.cases.first)
    let reference = try NPYArray(fixture: "\(Self.model)/\(item.logits)")
    var draft = try Self.draft(variant)
    draft["phi3.attention.sliding_window"] = .uint32(length)
    let run = try DecoderRun(draft.file())
    let rows = try run.logits(#require(ConformanceManifest.load(Self.model).sequences[item.sequence]))
    let found = item.positions.map { rows[$0] }
    #expect(difference(found, item.positions.indices.map { reference.row($0) }) > 0.5)
  }

  /// What a sequence can become decides, not what it is: its keys never change.
  @Test func theCapacityChoosesTheFactors() throws {
    let long = try #require(Self.variants.first { $0.name == "first_long" })
    let short = try #require(Self.variants.first { $0.name == "last_short" })
    let decoder = try DecoderRun(Self.draft(short).file()).decoder
    #expect(decoder.originalContext == 12)
    let tokens = try #require(ConformanceManifest.load(Self.model).sequences["short"]).map { Int32($0) }
    #expect(tokens.count == 12)
    for (capacity, variant) in [(12, short), (13, long), (4000, long)] {
      let state = DecoderState(decoder, maximumTokens: 5, maximumLogits: 5)
      let sequence = decoder.makeSequence(capacity: capacity)
      var rows: [[Float]] = []
      for first in stride(from: 0, to: tokens.count, by: 5) {
        var batch = Batch()
        let part = tokens[first..<min(first + 5, tokens.count)]
        try batch.append(part, to: sequence, adapters: nil, logits: .all)
        try decoder.forward(batch, state)
        rows += (0..<part.count).map { state.logits.values(row: $0) }
      }
      let item = try #require(variant.cases.first { $0.adapter == nil })
      let reference = try NPYArray(fixture: "\(Self.model)/\(item.logits)")
      for (index, position) in item.positions.enumerated() {
        #expect(Logits.maxAbsDifference(rows[position], Array(reference.row(index))) < Tolerance.floats)
      }
    }
  }

  /// Sequences with short and with long factors in one batch have the bits they have alone.
  @Test func bothKindsInOneBatch() throws {
    let short = try #require(Self.variants.first { $0.name == "last_short" })
    let decoder = try DecoderRun(Self.draft(short).file()).decoder
    let tokens: [Int32] = [5, 17, 300, 44, 9]
    func rows(_ capacities: [Int]) throws -> [[Float]] {
      let state = DecoderState(decoder, maximumTokens: 10, maximumLogits: 10)
      var batch = Batch()
      for capacity in capacities {
        try batch.append(tokens, to: decoder.makeSequence(capacity: capacity), adapters: nil, logits: .all)
      }
      try decoder.forward(batch, state)
      return (0..<10).map { state.logits.values(row: $0) }
    }
    let mixed = try rows([12, 13]), shorts = try rows([12, 12]), longs = try rows([13, 13])
    #expect(mixed == Array(shorts[..<5]) + Array(longs[5...]))
    #expect(difference(Array(shorts[..<5]), Array(longs[5...])) > 0.1)
  }
}
