import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// PEFT folders, as PEFT wrote them, against PEFT's own logits.
@Suite struct PEFTConformanceTests {
  struct Item: Sendable, CustomTestStringConvertible {
    let model: String
    let id: String
    var testDescription: String { "\(model)/\(id)" }
  }

  static let items: [Item] = (ConformanceManifest.models + ConformanceManifest.kindModels).flatMap { model in
    let manifest = try? ConformanceManifest.load(model)
    return (manifest?.cases ?? []).filter { item in
      !item.adapters.isEmpty && item.adapters.allSatisfy { manifest?.adapters[$0.name]?.peft != nil }
    }.map { Item(model: model, id: $0.id) }
  }

  static func bind(_ run: DecoderRun, _ manifest: ConformanceManifest, _ item: ConformanceCase) throws
    -> AdapterSet?
  {
    try run.bind(
      item.adapters.map { (try LoRA.Adapter.read(path: manifest.peftPath($0.name)), $0.scale) })
  }

  /// The largest difference of any logit from the reference.
  static func error(_ rows: [[Float]], _ manifest: ConformanceManifest, _ item: ConformanceCase) throws
    -> Double
  {
    let expected = try manifest.logits(of: item)
    return item.positions.enumerated().map { index, position in
      LogitsComparison(reference: expected.row(index), candidate: rows[position]).maxAbs
    }.max() ?? .infinity
  }

  @Test func coversEveryKind() {
    #expect(Self.items.count >= 60)
    for kind in [
      "lora", "lora2", "qv", "bf16", "rslora", "pattern", "lmhead_lora", "embed", "layers", "dora",
      "mts_lmhead", "bias",
    ] {
      for scale in ["1.0", "0.5"] {
        #expect(Self.items.contains { $0.model == "llama" && $0.id == "\(kind)@\(scale).short" })
      }
    }
    for (model, kinds) in [
      ("llama", ["dora_rslora", "regex", "norms", "tokens", "tokens_head"]),
      ("qwen2", ["bias_all", "bias_lora_only"]), ("llama_bias_linear", ["dora", "lora_bias"]),
      ("llama_tied_l3rope", ["embed", "lmhead", "tokens", "mts_embed", "mts_embed_tied"]),
    ] {
      for kind in kinds {
        for scale in ["1.0", "0.5"] {
          #expect(Self.items.contains { $0.model == "kinds/\(model)" && $0.id == "\(kind)@\(scale).short" })
        }
      }
    }
    #expect(Self.items.contains { $0.model == "qwen2" && $0.id == "dora@0.5.long" })
    #expect(Self.items.contains { $0.id == "lora@-0.6+lora2@1.0.long" })
    #expect(Self.items.contains { $0.model == "mixtral" && $0.id == "experts@0.5.long" })
    #expect(Self.items.contains { $0.model == "qwen3moe" && $0.id == "experts_tp@1.0.short" })
  }

  @Test(arguments: items) func referenceModeMatches(_ item: Item) throws {
    let manifest = try ConformanceManifest.load(item.model)
    let reference = try manifest.conformanceCase(item.id)
    let run = try DecoderRun(manifest.modelPath)
    let set = try #require(try Self.bind(run, manifest, reference))
    let tokens = try manifest.tokens(of: reference)
    let all = try run.logits(tokens, set)
    #expect(try Self.error(all, manifest, reference) < ModelConformanceTests.tolerance)
    // One row takes another way through the kernels than many.
    let single = try run.logits(tokens, set, batch: 1)
    #expect(try Self.error(single, manifest, reference) < ModelConformanceTests.tolerance)
  }

  /// The fast kernels compute float weights in float32; keys and values are halves, which an adapter that makes the
  /// residual stream larger feels more: `embed` is 0.022 away, from PEFT's folder and from GGUF alike.
  @Test(
    arguments: items.filter { $0.id.hasSuffix("@1.0.short") || $0.id.hasPrefix("alora@1.0") },
    DecoderRun.tables)
  func everyTableMatches(_ item: Item, _ table: KernelTable) throws {
    let manifest = try ConformanceManifest.load(item.model)
    let reference = try manifest.conformanceCase(item.id)
    let run = try DecoderRun(manifest.modelPath, table)
    let rows = try run.logits(manifest.tokens(of: reference), Self.bind(run, manifest, reference))
    #expect(try Self.error(rows, manifest, reference) < 1.5 * Tolerance.floatWeights(table))
  }
}
