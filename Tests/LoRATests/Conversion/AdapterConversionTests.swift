import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// PEFT adapters as GGUF files: the same logits for every kind, and llama.cpp's own form wherever it has one.
@Suite struct AdapterConversionTests {
  private static let tokens = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 319, 0]

  static func convert(
    _ adapter: LoRA.Adapter, _ target: ConversionTarget, _ type: TensorType = .f32
  ) throws -> LoRA.Adapter {
    try LoRA.Adapter.read(
      GGUFFile(bytes: AdapterConversion(adapter, for: target, type: type).serialized(), name: "converted"))
  }

  // MARK: The same logits

  @Test(arguments: PEFTConformanceTests.items) func committedAdaptersKeepTheirLogits(
    _ item: PEFTConformanceTests.Item
  ) throws {
    let manifest = try ConformanceManifest.load(item.model)
    let reference = try manifest.conformanceCase(item.id)
    let run = try DecoderRun(manifest.modelPath)
    let adapters = try reference.adapters.map {
      (
        try Self.convert(LoRA.Adapter.read(path: manifest.peftPath($0.name)), ConversionTarget(run.decoder)),
        $0.scale
      )
    }
    let rows = try run.logits(manifest.tokens(of: reference), run.bind(adapters))
    #expect(try PEFTConformanceTests.error(rows, manifest, reference) < ModelConformanceTests.tolerance)
  }

  @Test(arguments: PEFTMergedTests.models, PEFTMergedTests.Kind.allCases) func everyKindKeepsItsLogits(
    _ model: TinyModel, _ kind: PEFTMergedTests.Kind
  ) throws {
    let run = try DecoderRun(model, .reference)
    let adapter = try PEFTMergedTests.draft(kind, run.decoder).adapter()
    let converted = try Self.convert(adapter, ConversionTarget(run.decoder))
    for scale: Float in [1, 0.5, -0.6] {
      let expected = try run.logits(Self.tokens, run.bind([(adapter, scale)]))
      let found = try run.logits(Self.tokens, run.bind([(converted, scale)]))
      #expect(difference(expected, found) < Tolerance.floats, "at \(scale)")
    }
  }

  /// Experts with ranks, scales, biases and magnitudes of their own, some without a pair.
  @Test(arguments: TinyModel.experts, [false, true]) func expertsKeepTheirLogits(
    _ model: TinyModel, _ hasMagnitudes: Bool
  ) throws {
    let run = try DecoderRun(model, .reference)
    let h = run.decoder.hyperparameters
    let inner = try #require(h.experts).feedForwardLength
    var draft = PEFTDraft()
    if hasMagnitudes { draft["use_dora"] = "true" }
    draft["rank_pattern"] = "{\"experts.1.(w1|gate_proj)\": 6}"
    draft["alpha_pattern"] = "{\"experts.2.(w1|gate_proj)\": 3}"
    let isMixtral = h.architecture == "llama"
    for expert in 0..<4 where hasMagnitudes || expert != 3 {
      let prefix =
        "model.layers.1." + (isMixtral ? "block_sparse_moe.experts.\(expert)." : "mlp.experts.\(expert).")
      for (name, inputs, outputs) in [
        (isMixtral ? "w1" : "gate_proj", h.embeddingLength, inner),
        (isMixtral ? "w2" : "down_proj", inner, h.embeddingLength),
      ] {
        let rank = expert == 1 && outputs == inner ? 6 : 4
        draft.addPair(prefix + name, inputs: inputs, outputs: outputs, rank: rank)
        if hasMagnitudes {
          draft.put(prefix + name + ".lora_magnitude_vector", [outputs], deviation: 1)
        }
      }
    }
    let adapter = try draft.adapter()
    let converted = try Self.convert(adapter, ConversionTarget(run.decoder))
    #expect(converted.pairs.count == 2)
    for scale: Float in [1, -0.6] {
      let expected = try run.logits(Self.tokens, run.bind([(adapter, scale)]))
      let found = try run.logits(Self.tokens, run.bind([(converted, scale)]))
      #expect(difference(expected, found) < Tolerance.floats, "at \(scale)")
      #expect(try difference(expected, run.logits(Self.tokens)) > 0.1)
    }
  }

  /// Halves and eighths round the factors: the logits move by a part of what the adapter moves them.
  @Test(arguments: [(TensorType.f32, 1e-6), (.f16, 2e-3), (.bf16, 2e-2), (.q8_0, 2e-2)]) func types(
    _ type: TensorType, _ part: Double
  ) throws {
    let run = try DecoderRun(.llama, .reference)
    var draft = PEFTDraft()
    draft["r"] = "32"
    draft.addPair("model.layers.1.mlp.down_proj", inputs: 128, outputs: 64, rank: 32)
    draft.addPair("model.layers.2.self_attn.q_proj", inputs: 64, outputs: 64, rank: 32)
    let adapter = try draft.adapter()
    let converted = try Self.convert(adapter, ConversionTarget(run.decoder), type)
    #expect(converted.pairs.allSatisfy { $0.a.type == type && $0.b.type == type })
    let base = try run.logits(Self.tokens)
    let expected = try run.logits(Self.tokens, run.bind([(adapter, 1)]))
    let found = try run.logits(Self.tokens, run.bind([(converted, 1)]))
    #expect(difference(expected, found) <= part * difference(expected, base))
  }

  // MARK: llama.cpp's form

  /// The committed GGUF files were written by another converter, which llama.cpp reads.
  @Test(arguments: [
    ("llama", "lora"), ("llama", "lora2"), ("llama", "qv"), ("llama", "rslora"), ("llama", "pattern"),
    ("llama", "lmhead_lora"), ("llama", "embed"), ("llama", "layers"), ("qwen2", "lora"), ("mistral", "lora"),
    ("mixtral", "experts"), ("phi3_longrope", "lora"),
  ]) func isTheFileThatAnotherConverterWrote(_ model: String, _ name: String) throws {
    let manifest = try ConformanceManifest.load(model)
    let decoder = try DecoderRun(manifest.modelPath).decoder
    let peft = try LoRA.Adapter.read(path: manifest.peftPath(name))
    let expected = try LoRA.Adapter.read(GGUFFile.open(manifest.adapterPath(name)))
    let found = try Self.convert(peft, ConversionTarget(decoder))
    #expect(found.architecture == expected.architecture)
    #expect(Set(found.changes.map(\.tensor)) == Set(expected.changes.map(\.tensor)))
    for pair in found.pairs {
      let other = try #require(expected.pairs.first { $0.tensor == pair.tensor })
      #expect(pair.part == other.part && pair.rank == other.rank)
      #expect(pair.a.rows == other.a.rows && pair.a.dequantized() == other.a.dequantized())
      // alpha and the ratio in B may be shared out differently.
      let scale = pair.effectiveScale(1), otherScale = other.effectiveScale(1)
      for (value, wanted) in zip(pair.b.dequantized(), other.b.dequantized()) {
        #expect(abs(scale * value - otherScale * wanted) <= 1e-5 * abs(otherScale * wanted))
      }
    }
  }

  @Test func plainFilesHaveNothingOfOurs() throws {
    let run = try DecoderRun(.llama, .reference)
    for kind in PEFTMergedTests.Kind.allCases {
      let adapter = try PEFTMergedTests.draft(kind, run.decoder).adapter()
      let conversion = try AdapterConversion(adapter, for: ConversionTarget(run.decoder), type: .f32)
      let file = try GGUFFile(bytes: conversion.serialized())
      let isPlain = file.tensors.allSatisfy { $0.name.hasSuffix(".lora_a") || $0.name.hasSuffix(".lora_b") }
      let expected = [.plain, .rankStabilized, .embedding, .output].contains(kind)
      #expect(isPlain == expected, "\(kind)")
      #expect(conversion.notes.contains { $0.isWarning } != expected, "\(kind)")
      #expect(file.metadata.keys.contains { $0.hasPrefix("mullama.") } == (kind == .trainedTokens))
    }
  }

  @Test func scales() throws {
    let target = ConversionTarget(architecture: "qwen2", heads: nil)
    func alpha(_ edit: (inout PEFTDraft) -> Void) throws -> (Float?, [ConversionNote]) {
      var draft = PEFTDraft()
      draft.addPair("model.layers.0.mlp.up_proj", inputs: 64, outputs: 96)
      draft.addPair("model.layers.1.mlp.up_proj", inputs: 64, outputs: 96)
      edit(&draft)
      let conversion = try AdapterConversion(draft.adapter(), for: target, type: .f32)
      return (conversion.alpha, conversion.notes)
    }
    #expect(try alpha { _ in } == (8, []))
    #expect(try alpha { $0["use_rslora"] = "true" } == (16, []))
    #expect(try alpha { $0["alpha_pattern"] = "{\"layers.1.mlp.up_proj\": 2}" }.1 == [.folded(pairs: 1)])
    // rsLoRA with two ranks: what is alpha · √r for one is not for the other.
    let mixed = try alpha {
      $0["use_rslora"] = "true"
      $0["rank_pattern"] = "{\"layers.1.mlp.up_proj\": 9}"
      $0.addPair("model.layers.1.mlp.up_proj", inputs: 64, outputs: 96, rank: 9)
    }
    #expect(mixed.0 == 16 && mixed.1 == [.folded(pairs: 1)])
    // An alpha of 0 in the file would mean that there is none.
    #expect(try alpha { $0["lora_alpha"] = "0" } == (1, [.folded(pairs: 2)]))
  }

  @Test func keys() throws {
    let run = try DecoderRun(.llama, .reference)
    let adapter = try ActivationTests.draft(run.decoder).adapter()
    let converted = try Self.convert(adapter, ConversionTarget(run.decoder))
    #expect(converted.invocationTokens == [7, 8])
    #expect(converted.architecture == "llama")
    #expect(converted.name == adapter.name)
  }

  // MARK: Without the base

  @Test func headCountsStandForTheBase() throws {
    let run = try DecoderRun(.llama, .reference)
    let h = run.decoder.hyperparameters
    let adapter = try PEFTMergedTests.draft(.everything, run.decoder).adapter()
    let known = try AdapterConversion(adapter, for: ConversionTarget(run.decoder), type: .f16)
    let heads = ConversionTarget.Heads(query: h.headCount, key: h.kvHeadCount)
    let given = try AdapterConversion(
      adapter, for: ConversionTarget(architecture: "llama", heads: heads), type: .f16)
    #expect(try known.serialized() == given.serialized())
    let wrong = ConversionTarget(architecture: "llama", heads: .init(query: h.headCount, key: h.headCount))
    #expect(
      try AdapterConversion(adapter, for: wrong, type: .f16).serialized() != known.serialized())
  }

  private func error(_ draft: PEFTDraft, _ target: ConversionTarget, _ type: TensorType = .f32) throws
    -> AdapterError?
  {
    let adapter = try draft.adapter()
    return #expect(throws: AdapterError.self) { try AdapterConversion(adapter, for: target, type: type) }
  }

  @Test func asksForTheBase() throws {
    var draft = PEFTDraft()
    draft.addPair("model.layers.0.self_attn.k_proj", inputs: 64, outputs: 32)
    guard case .needsBase = try error(draft, .init(architecture: "llama", heads: nil)) else {
      Issue.record("k without head counts")
      return
    }
    #expect(throws: Never.self) {
      try AdapterConversion(draft.adapter(), for: .init(architecture: "qwen2", heads: nil), type: .f32)
    }
    draft = PEFTDraft()
    draft.addPair("model.layers.0.mlp.experts.1.up_proj", inputs: 64, outputs: 48)
    guard case .needsBase = try error(draft, .init(architecture: "qwen3moe", heads: nil)) else {
      Issue.record("experts of an unknown number")
      return
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let run = try DecoderRun(.llama, .reference)
    let target = ConversionTarget(run.decoder)
    var draft = PEFTDraft()
    draft.addPair("model.layers.0.mlp.up_proj", inputs: 32, outputs: 128)
    guard case .shapeMismatch = try error(draft, target) else {
      Issue.record("another model's shape")
      return
    }
    draft = PEFTDraft()
    draft.addPair("model.layers.0.mlp.up_proj", inputs: 64, outputs: 128)
    draft.edit { name, _, values in if name.contains("lora_B") { values[7] = 1e5 } }
    guard case .doesNotFitType(_, "blk.0.ffn_up.weight.lora_b", "F16") = try error(draft, target, .f16) else {
      Issue.record("a value beyond half precision")
      return
    }
    #expect(throws: Never.self) { try AdapterConversion(draft.adapter(), for: target, type: .bf16) }
    let adapter = try Self.convert(draft.adapter(), target)
    #expect(
      throws: AdapterError.wrongArchitecture(adapter: adapter.path, expected: "qwen2", found: "llama")
    ) {
      try AdapterConversion(adapter, for: .init(architecture: "qwen2", heads: nil), type: .f32)
    }
  }
}
