import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// The tiny models against HF transformers and PEFT in float32.
@Suite struct ModelConformanceTests {
  /// Float32 sums in another order, a few layers deep; the logits spread over about ±10. A wrong feature moves them by
  /// 0.006 at the least (an epsilon ten times too large), most by more than 1.
  static let tolerance = 2e-4

  struct Item: Sendable, CustomTestStringConvertible {
    let model: String
    let id: String
    var testDescription: String { "\(model)/\(id)" }
  }

  static let items: [Item] = ConformanceManifest.models.flatMap { model in
    let manifest = try? ConformanceManifest.load(model)
    return (manifest?.cases ?? []).filter { item in
      item.adapters.allSatisfy { manifest?.adapters[$0.name]?.gguf != nil }
    }.map { Item(model: model, id: $0.id) }
  }

  @Test func coversEveryKindOfCase() {
    #expect(Self.items.count >= 60)
    for model in ConformanceManifest.models {
      #expect(Self.items.contains { $0.model == model && $0.id == "base.short" })
      #expect(Self.items.contains { $0.model == model && $0.id == "lora@0.5.long" })
    }
    #expect(Self.items.contains { $0.id == "lora@0.8+lora2@0.5.short" })
    for model in ConformanceManifest.expertModels {
      #expect(Self.items.contains { $0.model == model && $0.id == "experts@0.5.long" })
    }
    #expect(Self.items.contains { $0.model == "qwen3moe" && $0.id == "experts_tp@1.0.short" })
  }

  @Test(arguments: items) func referenceModeMatches(_ item: Item) throws {
    let manifest = try ConformanceManifest.load(item.model)
    let reference = try manifest.conformanceCase(item.id)
    let run = try DecoderRun(manifest.modelPath)
    let set = try run.bind(#require(try manifest.adapters(of: reference)))
    let rows = try run.logits(manifest.tokens(of: reference), set)
    let expected = try manifest.logits(of: reference)
    for (index, position) in reference.positions.enumerated() {
      let comparison = LogitsComparison(reference: expected.row(index), candidate: rows[position])
      #expect(comparison.maxAbs < Self.tolerance, "position \(position)")
      #expect(comparison.sameArgmax)
    }
  }

  /// The fast kernels keep keys and values in half precision: that costs up to 0.02 here. One expert less costs 7.
  static let halvesTolerance = 5e-2

  @Test(arguments: items.filter { ConformanceManifest.expertModels.contains($0.model) }, DecoderRun.tables)
  func otherTablesMatch(_ item: Item, _ table: KernelTable) throws {
    let manifest = try ConformanceManifest.load(item.model)
    let reference = try manifest.conformanceCase(item.id)
    let run = try DecoderRun(manifest.modelPath, table)
    let set = try run.bind(#require(try manifest.adapters(of: reference)))
    let expected = try manifest.logits(of: reference)
    // All tokens at once, and one at a time.
    for size in [nil, 1] {
      let rows = try run.logits(manifest.tokens(of: reference), set, batch: size)
      for (index, position) in reference.positions.enumerated() {
        let comparison = LogitsComparison(reference: expected.row(index), candidate: rows[position])
        #expect(comparison.maxAbs < Self.halvesTolerance, "position \(position)")
      }
    }
  }
}
