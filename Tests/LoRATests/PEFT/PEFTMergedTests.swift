import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// Every kind of adapter that PEFT writes, run unmerged, is the same as one merged into float32 weights.
@Suite struct PEFTMergedTests {
  enum Kind: String, CaseIterable {
    case plain, rankStabilized, magnitudes, factorBias, norms, replacedMatrices, trainedBias, trainedTokens
    case embedding, embeddingMagnitudes, output, everything
  }

  private static let tokens = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 319, 0]

  /// An adapter of a kind for every layer of a tiny model, in which all modules are 64 wide but those given.
  static func draft(_ kind: Kind, _ decoder: Decoder, seed: UInt64 = 1) -> PEFTDraft {
    let h = decoder.hyperparameters
    var draft = PEFTDraft()
    draft["r"] = "4"
    draft["lora_alpha"] = "6"
    if kind == .rankStabilized { draft["use_rslora"] = "true" }
    if [.magnitudes, .embeddingMagnitudes].contains(kind) { draft["use_dora"] = "true" }
    if kind == .factorBias || kind == .everything { draft["lora_bias"] = "true" }
    let fused = [
      ("self_attn.qkv_proj", h.embeddingLength, h.queryLength + 2 * h.kvLength),
      ("self_attn.o_proj", h.queryLength, h.embeddingLength),
      ("mlp.gate_up_proj", h.embeddingLength, 2 * h.feedForwardLength),
      ("mlp.down_proj", h.feedForwardLength, h.embeddingLength),
    ]
    let separate = [
      ("self_attn.q_proj", h.embeddingLength, h.queryLength),
      ("self_attn.k_proj", h.embeddingLength, h.kvLength),
      ("self_attn.v_proj", h.embeddingLength, h.kvLength),
      ("self_attn.o_proj", h.queryLength, h.embeddingLength),
      ("mlp.gate_proj", h.embeddingLength, h.feedForwardLength),
      ("mlp.up_proj", h.embeddingLength, h.feedForwardLength),
      ("mlp.down_proj", h.feedForwardLength, h.embeddingLength),
    ]
    let linears = h.architecture == "phi3" ? fused : separate
    for layer in 0..<h.layerCount {
      let prefix = "model.layers.\(layer)."
      for (module, inputs, outputs) in linears {
        let name = prefix + module
        switch kind {
        case .plain, .rankStabilized, .magnitudes, .factorBias, .everything:
          draft.addPair(name, inputs: inputs, outputs: outputs, seed: seed)
        case .replacedMatrices where layer == 1:
          draft.put(name + ".weight", [outputs, inputs], seed: seed, deviation: 0.1)
        case .trainedBias:
          draft["bias"] = "\"all\""
          draft.put(name + ".base_layer.bias", [outputs], seed: seed)
        default: break
        }
        if kind == .magnitudes {
          draft.put(name + ".lora_magnitude_vector", [outputs], seed: seed, deviation: 1)
        }
        if kind == .factorBias || kind == .everything {
          draft.put(name + ".lora_B.bias", [outputs], seed: seed)
        }
      }
      if kind == .norms || kind == .everything {
        for norm in ["input_layernorm", "post_attention_layernorm"] {
          draft.put(prefix + norm + ".weight", [h.embeddingLength], seed: seed, deviation: 1)
        }
      }
    }
    if kind == .norms || kind == .everything {
      draft.put("model.norm.weight", [h.embeddingLength], seed: seed, deviation: 1)
    }
    if kind == .replacedMatrices {
      draft["modules_to_save"] = "[\"lm_head\", \"embed_tokens\"]"
      draft.put("lm_head.weight", [h.vocabularySize, h.embeddingLength], seed: seed)
      draft.put("model.embed_tokens.weight", [h.vocabularySize, h.embeddingLength], seed: seed, deviation: 1)
    }
    if kind == .trainedTokens {
      draft["trainable_token_indices"] = "[9, 3, 319]"
      draft.put(
        "model.embed_tokens.token_adapter.trainable_tokens_delta", [3, h.embeddingLength], seed: seed,
        deviation: 1)
    }
    if [.embedding, .embeddingMagnitudes, .everything].contains(kind) {
      draft.put("model.embed_tokens.lora_embedding_A", [4, h.vocabularySize], seed: seed, deviation: 1)
      draft.put("model.embed_tokens.lora_embedding_B", [h.embeddingLength, 4], seed: seed, deviation: 0.3)
    }
    if kind == .embeddingMagnitudes {
      draft.put("model.embed_tokens.lora_magnitude_vector", [h.embeddingLength], seed: seed, deviation: 15)
    }
    if kind == .output {
      draft.addPair("lm_head", inputs: h.embeddingLength, outputs: h.vocabularySize, seed: seed)
    }
    return draft
  }

  private func merged(_ run: DecoderRun, _ base: GGUFDraft, _ draft: PEFTDraft, _ scale: Float) -> GGUFDraft {
    let h = run.decoder.hyperparameters
    // Only arch llama has the rows of q and k in another order.
    let isPermuted = h.architecture == "llama"
    var heads = (query: h.headCount, key: h.kvHeadCount)
    if !isPermuted { heads = (h.queryLength / 2, h.kvLength / 2) }
    return draft.merged(into: base, scale: scale, heads: heads)
  }

  static let models = [TinyModel.llama, .tied, .qwen2, .phi3]

  @Test(arguments: models, Kind.allCases) func equalsMerged(_ model: TinyModel, _ kind: Kind) throws {
    let base = try model.draft()
    for table in DecoderRun.tables {
      let run = try DecoderRun(model, table)
      let draft = Self.draft(kind, run.decoder)
      let adapter = try draft.adapter()
      for scale: Float in [1, 0.5, -0.6] {
        var expected = merged(run, base, draft, scale)
        // PEFT ties trained tokens where the model ties its matrices.
        if kind == .trainedTokens, base.index(of: "output.weight") == nil { expected = try tied(expected) }
        let reference = try DecoderRun(expected.file(), table).logits(Self.tokens)
        for batch in [nil, 1] {
          let found = try run.logits(Self.tokens, run.bind([(adapter, scale)]), batch: batch)
          #expect(
            difference(found, reference) < 2 * Tolerance.floatWeights(table), "\(table.name) at \(scale)")
        }
        #expect(try difference(reference, run.logits(Self.tokens)) > 0.1)
      }
    }
  }

  /// The model whose output is its embedding again.
  private func tied(_ model: GGUFDraft) throws -> GGUFDraft {
    var copy = model
    copy.tensors.removeAll { $0.name == "output.weight" }
    return copy
  }

  /// Each adapter changes the base's own product; the sum does not depend on their order.
  @Test(arguments: DecoderRun.tables) func stacksAreSums(_ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    let base = try TinyModel.llama.draft()
    let parts: [(draft: PEFTDraft, scale: Float)] = [
      (Self.draft(.magnitudes, run.decoder, seed: 2), 0.7), (Self.draft(.plain, run.decoder, seed: 3), 0.5),
      (Self.draft(.magnitudes, run.decoder, seed: 4), -0.4), (Self.draft(.output, run.decoder, seed: 5), 1),
    ]
    let start = base.converted(to: .f32)
    let expected = start.adding(parts.map { merged(run, base, $0.draft, $0.scale) }, over: start)
    let reference = try DecoderRun(expected.file(), table).logits(Self.tokens)
    let adapters = try parts.map { (try $0.draft.adapter(), $0.scale) }
    let first = try #require(try run.bind(adapters))
    let found = try run.logits(Self.tokens, first)
    #expect(difference(found, reference) < 2 * Tolerance.floatWeights(table))
    for order in [[3, 2, 1, 0], [1, 3, 0, 2]] {
      let other = try #require(try run.bind(order.map { adapters[$0] }))
      #expect(other.id == first.id)
      #expect(try run.logits(Self.tokens, other) == found)
    }
  }

  @Test(arguments: Kind.allCases) func scaleZeroIsTheBase(_ kind: Kind) throws {
    let run = try DecoderRun(.llama, .reference)
    let adapter = try Self.draft(kind, run.decoder).adapter()
    for zero in [Float(0), -0.0] { #expect(try run.bind([(adapter, zero)]) == nil) }
  }

  /// Base rows beside adapted ones have the bits they have alone, whatever the kind.
  @Test(arguments: Kind.allCases, DecoderRun.tables)
  func baseRowsAreUntouched(_ kind: Kind, _ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    let set = try #require(try run.bind([(Self.draft(kind, run.decoder).adapter(), 1)]))
    let tokens = Self.tokens.prefix(6).map { Int32($0) }
    func rows(_ sets: [AdapterSet?]) throws -> [[Float]] {
      let state = DecoderState(run.decoder, maximumTokens: 18, maximumLogits: 18)
      var batch = Batch()
      for set in sets {
        try batch.append(tokens, to: run.decoder.makeSequence(capacity: 6), adapters: set, logits: .all)
      }
      try run.decoder.forward(batch, state)
      return (0..<18).map { state.logits.values(row: $0) }
    }
    let mixed = try rows([nil, set, nil]), alone = try rows([nil, nil, nil])
    #expect(Array(mixed[0..<6]) == Array(alone[0..<6]))
    #expect(Array(mixed[12...]) == Array(alone[12...]))
    #expect(mixed[6..<12].map { $0 } != alone[6..<12].map { $0 })
  }

  // MARK: Replacements

  @Test func twoReplacementsAreInConflict() throws {
    let run = try DecoderRun(.llama, .reference)
    for kind in [Kind.norms, .replacedMatrices, .trainedTokens, .trainedBias] {
      let one = try Self.draft(kind, run.decoder, seed: 1).adapter()
      let two = try Self.draft(kind, run.decoder, seed: 2).adapter()
      #expect {
        try run.bind([(one, 1), (two, 0.5)])
      } throws: { error in
        if case AdapterError.conflict = error { true } else { false }
      }
      // Off, it is no adversary; the same one twice says the same.
      #expect(try run.bind([(one, 1), (two, 0)])?.id == run.bind([(one, 1)])?.id)
      let twice = try run.bind([(one, 1), (one, 0.5)])
      #expect(try run.logits(Self.tokens, twice) == run.logits(Self.tokens, run.bind([(one, 1)])))
    }
    let magnitudes = try Self.draft(.magnitudes, run.decoder).adapter()
    let matrices = try Self.draft(.replacedMatrices, run.decoder).adapter()
    #expect {
      try run.bind([(magnitudes, 1), (matrices, 1)])
    } throws: { error in
      if case AdapterError.conflict = error { true } else { false }
    }
  }

  /// Tokens that two adapters trained need not be the same ones.
  @Test func trainedTokensOfTwoAdapters() throws {
    let run = try DecoderRun(.llama, .reference)
    func adapter(_ indices: [Int]) throws -> LoRA.Adapter {
      var draft = PEFTDraft()
      draft["trainable_token_indices"] = "{\"lm_head\": \(indices)}"
      draft.put(
        "lm_head.token_adapter.trainable_tokens_delta", [indices.count, 64],
        indices.flatMap { [Float](repeating: Float($0) / 100, count: 64) })
      return try draft.adapter()
    }
    let one = try run.logits(Self.tokens, run.bind([(adapter([3, 17]), 1)]))
    let two = try run.logits(Self.tokens, run.bind([(adapter([319]), 1)]))
    let both = try run.logits(Self.tokens, run.bind([(adapter([319]), 1), (adapter([17, 3]), 1)]))
    let base = try run.logits(Self.tokens)
    for row in base.indices {
      for token in base[row].indices {
        let expected =
          [3, 17].contains(token) ? one[row][token] : token == 319 ? two[row][token] : base[row][token]
        #expect(both[row][token] == expected)
      }
      #expect(both[row][17] != base[row][17] && both[row][319] != base[row][319])
    }
  }

  /// On a tied model an output of its own leaves the input as it was, unless the configuration ties them.
  @Test func tiedModels() throws {
    let run = try DecoderRun(.tied, .reference)
    let h = run.decoder.hyperparameters
    let base = try TinyModel.tied.draft()
    var draft = PEFTDraft()
    draft["modules_to_save"] = "[\"embed_tokens\"]"
    draft.put("model.embed_tokens.weight", [h.vocabularySize, h.embeddingLength], deviation: 1)
    let values = draft.weights.tensors[0].floats
    for ties in [false, true] {
      draft["ensure_weight_tying"] = ties ? "true" : "false"
      var expected = ties ? base : base.untied()
      let index = try #require(expected.index(of: "token_embd.weight"))
      expected.tensors[index] = GGUFDraft.Tensor(
        "token_embd.weight", [h.embeddingLength, h.vocabularySize], values)
      let reference = try DecoderRun(expected.file(), .reference).logits(Self.tokens)
      let found = try run.logits(Self.tokens, run.bind([(draft.adapter(), 1)]))
      #expect(difference(found, reference) < Tolerance.floats)
    }
  }
}
