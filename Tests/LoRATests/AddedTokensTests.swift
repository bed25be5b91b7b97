import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// Adapters whose training added tokens, against the model that was resized and merged independently of ours.
@Suite struct AddedTokensTests {
  /// How a folder brings the rows of its tokens.
  enum Kind: String, CaseIterable {
    /// Whole matrices, listed in `modules_to_save` or only saved.
    case modulesToSave, savedLayers
    /// Factors over base layers with more rows.
    case embeddingFactors, outputFactors, factors
    /// The same with magnitudes or biases of their own.
    case embeddingMagnitudes, outputMagnitudes, magnitudes, biases
    /// `trainable_token_indices`; the output as a whole, unless the model ties it.
    case trainedTokens
  }

  /// Behind the vocabulary of 320: two with names, and one that rounds the matrices up.
  static let count = 323
  static let texts = ["<tool>", "mytoken"]
  private static let tokens = [3, 320, 4, 1, 321, 9, 2, 320, 5, 322, 5, 8, 321, 7, 9, 319, 0]

  static func names(_ first: Int = 320, _ texts: [String] = texts) -> String {
    let entries = texts.enumerated().map {
      "\"\(first + $0)\": {\"content\": \"\($1)\", \"special\": \($1.hasPrefix("<")), \"lstrip\": false}"
    }
    return "{\"added_tokens_decoder\": {\(entries.joined(separator: ", "))}}"
  }

  /// The model with random rows behind its vocabulary, in embedding and output: what `resize_token_embeddings` leaves.
  private static func resized(_ model: GGUFDraft) -> GGUFDraft {
    var copy = model.converted(to: .f32)
    var random = SplitMix64(seed: 11)
    for name in ["token_embd.weight", "output.weight"] {
      guard let index = copy.index(of: name) else { continue }
      let own = copy.tensors[index]
      let added = random.normals((count - own.dimensions[1]) * own.dimensions[0], deviation: 0.5)
      copy.tensors[index] = .init(name, [own.dimensions[0], count], own.values + added)
    }
    // One more text for each row, or the file would not be whole.
    if case .array(.string(let texts)) = copy["tokenizer.ggml.tokens"] {
      copy["tokenizer.ggml.tokens"] = .array(.string(texts + (texts.count..<count).map { "added \($0)" }))
    }
    copy["llama.vocab_size"] = nil
    copy["qwen2.vocab_size"] = nil
    return copy
  }

  static func draft(_ kind: Kind, _ base: GGUFDraft, isTied: Bool, seed: UInt64 = 1) -> PEFTDraft {
    var draft = PEFTDraft()
    draft.files["tokenizer_config.json"] = names()
    draft.addPair("model.layers.1.self_attn.o_proj", inputs: 64, outputs: 64, seed: seed)
    let resized = resized(base)
    func layer(_ module: String, _ tensor: String) {
      guard let index = resized.index(of: isTied ? "token_embd.weight" : tensor) else { return }
      draft.put(module + ".base_layer.weight", [count, 64], resized.tensors[index].values)
    }
    if [.modulesToSave, .savedLayers, .outputFactors, .outputMagnitudes, .biases].contains(kind) {
      draft.put("model.embed_tokens.weight", [count, 64], seed: seed, deviation: 1)
    }
    if [.modulesToSave, .savedLayers, .embeddingFactors, .embeddingMagnitudes].contains(kind)
      || kind == .trainedTokens && !isTied
    {
      draft.put("lm_head.weight", [count, 64], seed: seed)
    }
    if kind == .modulesToSave { draft["modules_to_save"] = "[\"lm_head\", \"embed_tokens\"]" }
    let hasMagnitudes = [.embeddingMagnitudes, .outputMagnitudes, .magnitudes].contains(kind)
    if hasMagnitudes {
      draft["use_dora"] = "true"
      draft.put("model.layers.1.self_attn.o_proj.lora_magnitude_vector", [64], seed: seed, deviation: 2)
    }
    if kind == .biases {
      draft["lora_bias"] = "true"
      draft.put("model.layers.1.self_attn.o_proj.lora_B.bias", [64], seed: seed)
    }
    if [.embeddingFactors, .factors, .embeddingMagnitudes, .magnitudes].contains(kind) {
      draft.put("model.embed_tokens.lora_embedding_A", [4, count], seed: seed, deviation: 1)
      draft.put("model.embed_tokens.lora_embedding_B", [64, 4], seed: seed, deviation: 0.3)
      if hasMagnitudes {
        draft.put("model.embed_tokens.lora_magnitude_vector", [64], seed: seed, deviation: 10)
      }
      layer("model.embed_tokens", "token_embd.weight")
    }
    if [.outputFactors, .factors, .outputMagnitudes, .magnitudes, .biases].contains(kind) {
      draft.addPair("lm_head", inputs: 64, outputs: count, seed: seed)
      if hasMagnitudes { draft.put("lm_head.lora_magnitude_vector", [count], seed: seed, deviation: 2) }
      if kind == .biases { draft.put("lm_head.lora_B.bias", [count], seed: seed, deviation: 1) }
      layer("lm_head", "output.weight")
    }
    if kind == .trainedTokens {
      draft["trainable_token_indices"] = "[321, 7, 322, 320]"
      draft.put(
        "model.embed_tokens.token_adapter.trainable_tokens_delta", [4, 64], seed: seed, deviation: 1)
    }
    return draft
  }

  /// Without the base layers, which the oracle takes from the resized model.
  private static func reference(
    _ kind: Kind, _ draft: PEFTDraft, _ run: DecoderRun, _ base: GGUFDraft, isTied: Bool, _ scale: Float
  ) throws -> GGUFDraft {
    var plain = draft
    plain.weights.tensors.removeAll { $0.name.hasSuffix("base_layer.weight") }
    let h = run.decoder.hyperparameters
    let isPermuted = h.architecture == "llama"
    var merged = plain.merged(
      into: resized(base), scale: scale,
      heads: isPermuted ? (h.headCount, h.kvHeadCount) : (h.queryLength / 2, h.kvLength / 2))
    if kind == .trainedTokens, isTied { merged.tensors.removeAll { $0.name == "output.weight" } }
    return merged
  }

  static let models = [TinyModel.llama, .tied]

  @Test(arguments: models, Kind.allCases) func equalsTheResizedModel(_ model: TinyModel, _ kind: Kind) throws
  {
    let base = try model.draft()
    let isTied = base.index(of: "output.weight") == nil
    for table in DecoderRun.tables {
      let run = try DecoderRun(model, table)
      let draft = Self.draft(kind, base, isTied: isTied)
      let adapter = try draft.adapter()
      for scale: Float in [1, 0.5] {
        let merged = try Self.reference(kind, draft, run, base, isTied: isTied, scale)
        let expected = try DecoderRun(merged.file(), table).logits(Self.tokens)
        let set = try #require(try run.bind([(adapter, scale)]))
        #expect(set.addedTokens.map(\.text) == Self.texts && set.addedTokens.map(\.id) == [320, 321])
        #expect(set.addedTokens.map(\.isSpecial) == [true, false])
        for batch in [nil, 1] {
          let found = try run.logits(Self.tokens, set, batch: batch)
          #expect(found.allSatisfy { $0.count == Self.count })
          #expect(
            difference(found, expected) < 2 * Tolerance.floatWeights(table), "\(table.name) at \(scale)")
        }
      }
    }
  }

  /// As a GGUF file the adapter does the same.
  @Test(arguments: models, Kind.allCases) func conversionKeepsTheTokens(_ model: TinyModel, _ kind: Kind)
    throws
  {
    let base = try model.draft()
    let run = try DecoderRun(model, .reference)
    let draft = Self.draft(kind, base, isTied: base.index(of: "output.weight") == nil)
    let adapter = try draft.adapter()
    let converted = try AdapterConversionTests.convert(adapter, ConversionTarget(run.decoder))
    #expect(converted.addedTokens == adapter.addedTokens)
    let found = try run.logits(Self.tokens, run.bind([(converted, 0.7)]))
    #expect(try difference(found, run.logits(Self.tokens, run.bind([(adapter, 0.7)]))) < 1e-5)
    let notes = try AdapterConversion(adapter, for: ConversionTarget(run.decoder), type: .f32).notes
    #expect(notes.contains { $0.isWarning && $0.description.contains("no added tokens") })
  }

  /// What llama.cpp reads is not said to be beyond it.
  @Test func notesOfConversions() throws {
    let run = try DecoderRun(.llama, .reference)
    let own = try run.decoder.file.metadata.requiredStrings("tokenizer.ggml.tokens")
    func notes(_ target: ConversionTarget, _ names: String) throws -> [ConversionNote] {
      var draft = PEFTDraft()
      draft.addPair("model.layers.1.self_attn.o_proj", inputs: 64, outputs: 64)
      draft.files["tokenizer_config.json"] = names
      return try AdapterConversion(draft.adapter(), for: target, type: .f32).notes
    }
    let known = ConversionTarget(run.decoder)
    let blind = ConversionTarget(architecture: "llama", heads: .init(query: 4, key: 2))
    let old = Self.names(300, [own[300]])
    #expect(try notes(known, old) == [])
    #expect(try notes(blind, old) == [.listed(tokens: 1)])
    #expect(try notes(blind, "{}") == [])
    #expect(ConversionNote.listed(tokens: 1).isWarning == false)
    // A name for a row that the model has.
    var model = try TinyModel.llama.draft()
    model["tokenizer.ggml.tokens"] = .array(
      .string(own.enumerated().map { $0 == 300 ? "[PAD300]" : $1 }))
    let filled = try ConversionTarget(DecoderRun(model.file()).decoder)
    #expect(try notes(filled, Self.names(300, ["<a>"])) == [.names(tokens: 1)])
  }

  @Test func withoutAModelBaseLayersCannotBeConverted() throws {
    let base = try TinyModel.llama.draft()
    let target = ConversionTarget(architecture: "llama", heads: .init(query: 4, key: 2))
    let adapter = try Self.draft(.factors, base, isTied: false).adapter()
    #expect {
      try AdapterConversion(adapter, for: target, type: .f32)
    } throws: { error in
      if case AdapterError.needsBase = error { true } else { false }
    }
  }

  /// A merged model has the tokens in its vocabulary, and the logits that the adapter has at run time.
  @Test(arguments: models, Kind.allCases) func mergedModelsHaveThem(_ model: TinyModel, _ kind: Kind) throws {
    let base = try model.draft()
    let run = try DecoderRun(model, .reference)
    let adapter = try Self.draft(kind, base, isTied: base.index(of: "output.weight") == nil).adapter()
    for scale: Float in [1, 0.5] {
      let expected = try run.logits(Self.tokens, run.bind([(adapter, scale)]))
      let merge = try ModelMerge(run.decoder, [.init(adapter, scale: scale)], types: .all(.f32))
      #expect(merge.addedTokenCount == 2)
      let file = try GGUFFile(bytes: merge.serialized(), name: "merged")
      #expect(
        try difference(DecoderRun(file).logits(Self.tokens), expected) < Tolerance.floats, "at \(scale)")
      let texts = try file.metadata.requiredStrings("tokenizer.ggml.tokens")
      #expect(texts.count == Self.count && Array(texts[320...]) == Self.texts + ["[PAD322]"])
      #expect(try file.metadata.ints("tokenizer.ggml.token_type")?[320...] == [3, 4, 5])
      for name in ["token_embd.weight", "output.weight"] {
        #expect(file.tensor(name)?.dimensions == [64, Self.count])
      }
    }
  }

  /// In the types that a model is kept in; what cannot be written becomes Q8_0.
  @Test(arguments: TinyModel.quantized) func quantizedModelsAreMerged(_ model: TinyModel) throws {
    let run = try DecoderRun(model, .reference)
    let h = run.decoder.hyperparameters
    let size = h.vocabularySize, width = h.embeddingLength
    var draft = PEFTDraft()
    draft.files["tokenizer_config.json"] = Self.names(size, ["<a>", "bb"])
    draft["trainable_token_indices"] = "[\(size), \(size + 1)]"
    draft.put("model.embed_tokens.token_adapter.trainable_tokens_delta", [2, width], deviation: 0.1)
    draft.put("lm_head.weight", [size + 2, width], deviation: 0.05)
    let adapter = try draft.adapter()
    let tokens = [3, size, 4, 1, size + 1, 9]
    let expected = try run.logits(tokens, run.bind([(adapter, 1)]))
    let merged = try ModelMerge(run.decoder, [.init(adapter, scale: 1)], types: .keep).serialized()
    let file = try GGUFFile(bytes: merged, name: "merged")
    #expect(file.tensor("token_embd.weight")?.type == .q8_0)
    let found = try DecoderRun(file).logits(tokens)
    #expect(found.allSatisfy { $0.count == size + 2 })
    let scale = expected.flatMap { $0.map { abs($0) } }.max() ?? 0
    #expect(difference(found, expected) < 0.02 * Double(scale))
  }

  /// Where only placeholders get names, no matrix is longer.
  @Test func mergedPlaceholders() throws {
    var model = try TinyModel.llama.draft()
    guard case .array(.string(var texts)) = model["tokenizer.ggml.tokens"] else {
      Issue.record("the fixture has no vocabulary")
      return
    }
    texts[300] = "[PAD300]"
    model["tokenizer.ggml.tokens"] = .array(.string(texts))
    let run = try DecoderRun(model.file())
    var draft = PEFTDraft()
    draft.addPair("model.layers.1.self_attn.o_proj", inputs: 64, outputs: 64)
    draft.files["tokenizer_config.json"] = Self.names(300, ["<a>"])
    let merge = try ModelMerge(run.decoder, [.init(draft.adapter(), scale: 1)], types: .keep)
    let file = try GGUFFile(bytes: merge.serialized(), name: "merged")
    texts[300] = "<a>"
    #expect(try file.metadata.requiredStrings("tokenizer.ggml.tokens") == texts)
    #expect(try file.metadata.ints("tokenizer.ggml.token_type")?[300] == 3)
    #expect(file.tensor("token_embd.weight")?.dimensions == [64, 320])
    #expect(merge.addedTokenCount == 1)
  }

  // MARK: Beside others

  /// Rows of the base model and of other adapters keep their bits, and have no logits for tokens they do not know.
  @Test(arguments: DecoderRun.tables) func othersAreUntouched(_ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    let base = try TinyModel.llama.draft()
    let set = try #require(try run.bind([(Self.draft(.factors, base, isTied: false).adapter(), 1)]))
    let other = try run.bind([(PEFTMergedTests.draft(.output, run.decoder).adapter(), 0.5)])
    let tokens = [3, 1, 4, 1, 5, 9].map { Int32($0) }
    func rows(_ sets: [AdapterSet?], _ size: Int?) throws -> [[Float]] {
      let count = sets.count * tokens.count
      let state = DecoderState(
        run.decoder, maximumTokens: count, maximumLogits: count, vocabularySize: size)
      var batch = Batch()
      for set in sets {
        try batch.append(tokens, to: run.decoder.makeSequence(capacity: 6), adapters: set, logits: .all)
      }
      try run.decoder.forward(batch, state)
      return (0..<count).map { state.logits.values(row: $0) }
    }
    let mixed = try rows([nil, set, other, set], Self.count), alone = try rows([nil, nil, other, nil], nil)
    for row in Array(0..<6) + Array(12..<18) {
      #expect(Array(mixed[row][..<320]) == alone[row])
      #expect(mixed[row][320...].allSatisfy { $0 == -.infinity })
    }
    for row in Array(6..<12) + Array(18..<24) {
      #expect(mixed[row].allSatisfy { $0.isFinite })
      #expect(mixed[row] == mixed[6 + row % 6])
    }
  }

  /// An added token is one for rows with the adapter only.
  @Test func theBaseDoesNotKnowThem() throws {
    let run = try DecoderRun(.llama, .reference)
    #expect(throws: ModelError.tokenOutOfRange(token: 320, vocabulary: 320)) { try run.logits([1, 320]) }
    let set = try run.bind([
      (Self.draft(.savedLayers, TinyModel.llama.draft(), isTied: false).adapter(), 1)
    ])
    #expect(throws: ModelError.tokenOutOfRange(token: 323, vocabulary: 323)) {
      try run.logits([1, 323], set)
    }
  }

  /// An adapted output of a model that ties it: the matrix that training saw has the rows of the embedding too.
  @Test func aTiedOutputBringsTheRowsOfTheEmbedding() throws {
    let run = try DecoderRun(.tied, .reference)
    let base = try TinyModel.tied.draft()
    var draft = Self.draft(.outputFactors, base, isTied: true)
    draft.weights.tensors.removeAll { $0.name.contains("embed_tokens") }
    let adapter = try draft.adapter()
    let found = try run.logits(Self.tokens, run.bind([(adapter, 0.7)]))
    let expected = try Self.reference(.outputFactors, draft, run, base, isTied: true, 0.7)
    #expect(try difference(found, DecoderRun(expected.file()).logits(Self.tokens)) < Tolerance.floats)
    let converted = try AdapterConversionTests.convert(adapter, ConversionTarget(run.decoder))
    #expect(try difference(found, run.logits(Self.tokens, run.bind([(converted, 0.7)]))) < 1e-5)
  }

  /// With `save_embedding_layers=True` PEFT writes what `modules_to_save` holds twice, and the base's beside it.
  @Test func matricesThatAreThereTwice() throws {
    let run = try DecoderRun(.llama, .reference)
    var draft = Self.draft(.modulesToSave, try TinyModel.llama.draft(), isTied: false)
    let expected = try run.logits(Self.tokens, run.bind([(draft.adapter(), 1)]))
    for module in ["lm_head", "model.embed_tokens"] {
      let own = try #require(draft.weights[PEFTDraft.prefix + module + ".weight"])
      draft.put(module + ".modules_to_save.weight", own.shape, own.floats)
      draft.put(module + ".original_module.weight", own.shape, seed: 9)
    }
    #expect(try run.logits(Self.tokens, run.bind([(draft.adapter(), 1)])) == expected)
    draft.put("lm_head.modules_to_save.weight", [Self.count, 64], seed: 9)
    #expect {
      try draft.adapter()
    } throws: { error in
      "\(error)".contains("is there under two names, with different values")
    }
  }

  /// Magnitudes of one adapter end where another's tokens begin.
  @Test func magnitudesBesideTokensOfAnother() throws {
    let run = try DecoderRun(.tied, .reference)
    var dora = PEFTDraft()
    dora["use_dora"] = "true"
    dora.addPair("lm_head", inputs: 64, outputs: 320)
    dora.put("lm_head.lora_magnitude_vector", [320], deviation: 2)
    var tokens = PEFTDraft()
    tokens.files["tokenizer_config.json"] = Self.names()
    tokens["trainable_token_indices"] = "[320, 321]"
    tokens.put("model.embed_tokens.token_adapter.trainable_tokens_delta", [2, 64], deviation: 1)
    let prompt = [3, 1, 4, 1, 5]
    let first = try run.logits(prompt, run.bind([(dora.adapter(), 1)]))
    let second = try run.logits(prompt, run.bind([(tokens.adapter(), 1)]))
    for order in [[dora, tokens], [tokens, dora]] {
      let both = try run.logits(prompt, run.bind(order.map { try ($0.adapter(), 1) }))
      #expect(difference(both.map { Array($0[..<320]) }, first) < Tolerance.floats)
      #expect(difference(both.map { Array($0[320...]) }, second.map { Array($0[320...]) }) < Tolerance.floats)
    }
  }

  /// Two that add tokens: their rows side by side, if they agree.
  @Test func twoAdapters() throws {
    let run = try DecoderRun(.tied, .reference)
    func trained(_ ids: [Int], _ texts: [String], seed: UInt64, vocabulary: Int) throws -> LoRA.Adapter {
      var draft = PEFTDraft()
      draft.files["tokenizer_config.json"] = Self.names(320, texts)
      draft["trainable_token_indices"] = "\(ids)"
      // Each row's values depend on its id and the seed alone.
      let rows = ids.flatMap { id -> [Float] in
        var random = SplitMix64(seed: seed &+ UInt64(id))
        return random.normals(64, deviation: 1)
      }
      draft.put("model.embed_tokens.token_adapter.trainable_tokens_delta", [ids.count, 64], rows)
      draft.addPair(
        "model.layers.0.self_attn.o_proj", inputs: 64, outputs: 64, seed: seed &+ UInt64(vocabulary))
      return try draft.adapter()
    }
    let short = try trained([320], ["<a>"], seed: 5, vocabulary: 321)
    let long = try trained([320, 321], ["<a>", "<b>"], seed: 5, vocabulary: 322)
    let set = try #require(try run.bind([(short, 1), (long, 0.5)]))
    #expect(set.addedTokens.map(\.text) == ["<a>", "<b>"])
    #expect(run.decoder.vocabularySize(with: set) == 322)
    #expect(try run.logits([320, 321, 4], set).allSatisfy { $0.count == 322 })
    let renamed = try trained([320], ["<other>"], seed: 5, vocabulary: 321)
    #expect(throws: AdapterError.self) { try run.bind([(short, 1), (renamed, 1)]) }
    do { _ = try run.bind([(long, 1), (renamed, 1)]) } catch AdapterError.tokenConflict(let id, _, _) {
      #expect(id == 320)
    }
    let moved = try trained([320, 321], ["<c>", "<a>"], seed: 5, vocabulary: 322)
    #expect(throws: AdapterError.self) { try run.bind([(short, 1), (moved, 1)]) }
    let different = try trained([320], ["<a>"], seed: 6, vocabulary: 321)
    #expect {
      try run.bind([(short, 1), (different, 1)])
    } throws: { error in
      if case AdapterError.conflict = error { true } else { false }
    }
  }

  // MARK: What does not fit

  private func problem(_ edit: (inout PEFTDraft) -> Void) throws -> AdapterError? {
    var draft = Self.draft(.savedLayers, try TinyModel.llama.draft(), isTied: false)
    edit(&draft)
    return AdapterBinding.problems(try draft.adapter(), try DecoderRun(.llama, .reference).decoder).first
  }

  @Test func everyTokenNeedsItsRows() throws {
    #expect(try problem { _ in } == nil)
    func missing(_ tensor: String, _ id: Int, _ edit: (inout PEFTDraft) -> Void) throws {
      guard case .missingTokenRow(_, tensor, id, _, 320) = try problem(edit) else {
        Issue.record("\(tensor) \(id): \(try problem(edit).map { "\($0)" } ?? "nothing")")
        return
      }
    }
    let draft = try problem { $0.weights.tensors.removeAll { $0.name.contains("lm_head") } }
    #expect("\(draft.map { "\($0)" } ?? "")".contains("token 320 '<tool>' is behind the model's 320"))
    try missing("output.weight", 320) { $0.weights.tensors.removeAll { $0.name.contains("lm_head") } }
    try missing("token_embd.weight", 320) {
      $0.weights.tensors.removeAll { $0.name.contains("embed_tokens") }
    }
    try missing("output.weight", 322) { $0.put("lm_head.weight", [322, 64]) }
    try missing("token_embd.weight", 321) { $0.put("model.embed_tokens.weight", [321, 64]) }
    // A name behind all rows, near and far.
    try missing("token_embd.weight", 323) {
      $0.files["tokenizer_config.json"] = Self.names(320, ["<a>", "<b>", "<c>", "<d>"])
    }
    try missing("token_embd.weight", 16_000_000) {
      $0.files["tokenizer_config.json"] = Self.names(16_000_000, ["<a>"])
    }
    // Factors without what they were added to.
    try missing("output.weight", 320) {
      $0.weights.tensors.removeAll { $0.name.contains("lm_head") }
      $0.addPair("lm_head", inputs: 64, outputs: 323)
    }
  }

  /// Trainers often add a token only to fill up batches with. It is in no text, so nobody misses its row.
  @Test(arguments: ["\"<pad>\"", "{\"content\": \"<pad>\", \"lstrip\": false}"])
  func aPaddingTokenNeedsNoRow(_ padding: String) throws {
    let run = try DecoderRun(.llama, .reference)
    func tokens(_ others: String, _ names: [String]) throws -> [AddedToken] {
      var draft = PEFTDraft()
      draft.addPair("model.layers.1.self_attn.o_proj", inputs: 64, outputs: 64)
      draft.files["tokenizer_config.json"] =
        "{\"pad_token\": \(padding), \(others)" + Self.names(320, names).dropFirst()
      return try #require(try run.bind([(draft.adapter(), 1)])).addedTokens
    }
    #expect(try tokens("", ["<pad>"]) == [])
    // It has another use, or is not the only one.
    #expect(throws: AdapterError.self) { try tokens("\"eos_token\": \(padding), ", ["<pad>"]) }
    #expect(throws: AdapterError.self) { try tokens("", ["<pad>", "<new>"]) }
    // With a row it is a token as any other.
    var draft = Self.draft(.savedLayers, try TinyModel.llama.draft(), isTied: false)
    draft.files["tokenizer_config.json"] =
      "{\"pad_token\": \(padding), " + Self.names(320, ["<a>", "<pad>"]).dropFirst()
    let set = try #require(try run.bind([(draft.adapter(), 1)]))
    #expect(set.addedTokens.map(\.text) == ["<a>", "<pad>"])
  }

  /// What an activated adapter adds and replaces is there from the first token on; its factors wait.
  @Test(arguments: models, [Kind.savedLayers, .outputFactors, .trainedTokens, .biases])
  func activatedAdapters(_ model: TinyModel, _ kind: Kind) throws {
    let run = try DecoderRun(model, .reference)
    let base = try model.draft()
    let plain = Self.draft(kind, base, isTied: base.index(of: "output.weight") == nil)
    var activated = plain
    activated["alora_invocation_tokens"] = "[9, 2, 320]"
    // What is left without factors, added to the model independently of ours.
    var rest = plain
    rest["lora_bias"] = nil
    let layers = plain.weights.tensors.filter { $0.name.hasSuffix("lm_head.base_layer.weight") }
    rest.weights.tensors.removeAll {
      $0.name.contains("lora_") || $0.name.hasSuffix("base_layer.weight")
    }
    for layer in layers {
      rest.weights.put(PEFTDraft.prefix + "lm_head.weight", layer.shape, layer.floats)
    }
    let set = try #require(try run.bind([(activated.adapter(), 0.7)]))
    let before = try #require(set.activation?.before)
    #expect(before.activation == nil && before.id != set.id)
    #expect(before.addedTokens == set.addedTokens)
    let whole = try run.bind([(plain.adapter(), 0.7)]), replaced = try run.bind([(rest.adapter(), 0.7)])
    let start = 5
    func rows(_ parts: [(ArraySlice<Int>, AdapterSet?)], _ activeFrom: Int?) throws -> [[Float]] {
      let state = DecoderState(
        run.decoder, maximumTokens: 20, maximumLogits: 20, vocabularySize: Self.count)
      let sequence = run.decoder.makeSequence(capacity: 20)
      var found: [[Float]] = []
      for (tokens, set) in parts {
        var batch = Batch()
        try batch.append(
          tokens.map { Int32($0) }, to: sequence, adapters: set, activeFrom: activeFrom, logits: .all)
        try run.decoder.forward(batch, state)
        found += (0..<tokens.count).map { state.logits.values(row: $0) }
      }
      return found
    }
    let tokens = Self.tokens
    #expect(set.activation?.start(in: tokens.map { Int32($0) }) == start)
    let found = try rows([(tokens[...], set)], start)
    let expected = try rows([(tokens[..<start], replaced), (tokens[start...], whole)], nil)
    #expect(difference(found, expected) < Tolerance.floats)
    // Without the sequence only what is replaced.
    #expect(
      try difference(rows([(tokens[...], set)], nil), rows([(tokens[...], replaced)], nil)) < Tolerance.floats
    )
    #expect(difference(found, try rows([(tokens[...], whole)], nil)) > 0.01)
  }

  /// PEFT has no activated adapters of an embedding.
  @Test func activatedEmbeddingsAreRefused() throws {
    var draft = Self.draft(.embeddingFactors, try TinyModel.llama.draft(), isTied: false)
    draft["alora_invocation_tokens"] = "[7, 9]"
    #expect {
      try draft.adapter()
    } throws: { error in
      if case AdapterError.contradiction = error {
        "\(error)".contains("activated adapters of an embedding")
      } else {
        false
      }
    }
  }

  @Test func holesAndCollisions() throws {
    let hole = try problem { $0.files["tokenizer_config.json"] = Self.names(321, ["<a>"]) }
    guard case .tokenHole(_, 320) = hole else {
      Issue.record("a hole: \(hole.map { "\($0)" } ?? "nothing")")
      return
    }
    for (id, text) in [(5, "<new>"), (320, "<|im_end|>"), (321, "!")] {
      let found = try problem { $0.files["tokenizer_config.json"] = Self.names(id, [text]) }
      guard case .tokenCollision(_, id, _, _) = found else {
        Issue.record("\(text) as \(id): \(found.map { "\($0)" } ?? "nothing")")
        continue
      }
    }
    // What the model has under the same id is no news.
    let run = try DecoderRun(.llama, .reference)
    let texts = try run.decoder.file.metadata.requiredStrings("tokenizer.ggml.tokens")
    var draft = PEFTDraft()
    draft.addPair("model.layers.1.self_attn.o_proj", inputs: 64, outputs: 64)
    draft.files["tokenizer_config.json"] = Self.names(318, Array(texts[318...]))
    let set = try #require(try run.bind([(draft.adapter(), 1)]))
    #expect(set.addedTokens.isEmpty && set.outputExtension == nil)
  }

  /// Ids that the model's matrices have rows for, but its vocabulary only placeholders.
  @Test(arguments: [
    "[PAD300]", "<|reserved_special_token_7|>", "<unused7>", "<|placeholder7|>", "<|dummy_7|>", "[control_7]",
    "<SPECIAL_7>",
  ]) func placeholdersGetNames(_ placeholder: String) throws {
    var model = try TinyModel.llama.draft()
    guard case .array(.string(var texts)) = model["tokenizer.ggml.tokens"],
      case .array(.int32(var types)) = model["tokenizer.ggml.token_type"]
    else {
      Issue.record("the fixture has no vocabulary")
      return
    }
    texts[300] = placeholder
    texts[301] = "nothing"
    types[301] = 5
    model["tokenizer.ggml.tokens"] = .array(.string(texts))
    model["tokenizer.ggml.token_type"] = .array(.int32(types))
    let run = try DecoderRun(model.file())
    var draft = PEFTDraft()
    draft.addPair("model.layers.1.self_attn.o_proj", inputs: 64, outputs: 64)
    draft.files["tokenizer_config.json"] = Self.names(300, ["<a>", "bb"])
    let set = try #require(try run.bind([(draft.adapter(), 1)]))
    #expect(set.addedTokens.map(\.id) == [300, 301] && set.addedTokens.map(\.text) == ["<a>", "bb"])
    #expect(set.outputExtension == nil)
  }

  /// Qwen's matrices have more rows than tokens; who resizes them to the tokens makes them shorter.
  @Test(arguments: DecoderRun.tables) func paddedRowsMayBeCutOff(_ table: KernelTable) throws {
    var model = try TinyModel.llama.draft()
    guard case .array(.string(var texts)) = model["tokenizer.ggml.tokens"] else {
      Issue.record("the fixture has no vocabulary")
      return
    }
    for id in 290..<320 { texts[id] = "[PAD\(id)]" }
    model["tokenizer.ggml.tokens"] = .array(.string(texts))
    let run = try DecoderRun(model.file(), table)
    let h = run.decoder.hyperparameters
    let tokens = [3, 290, 4, 1, 291, 9, 2, 5]
    let edits: [(inout PEFTDraft) -> Void] = [
      {
        $0.put("model.embed_tokens.weight", [293, 64], deviation: 1)
        $0.put("lm_head.weight", [293, 64])
      },
      {
        $0.put("model.embed_tokens.lora_embedding_A", [4, 293], deviation: 1)
        $0.put("model.embed_tokens.lora_embedding_B", [64, 4])
        $0.addPair("lm_head", inputs: 64, outputs: 293)
      },
      {
        $0["use_dora"] = "true"
        $0.put("model.layers.1.self_attn.o_proj.lora_magnitude_vector", [64], deviation: 2)
        $0.put("model.embed_tokens.lora_embedding_A", [4, 293], deviation: 1)
        $0.put("model.embed_tokens.lora_embedding_B", [64, 4])
        $0.put("model.embed_tokens.lora_magnitude_vector", [64], deviation: 10)
        $0.addPair("lm_head", inputs: 64, outputs: 293)
        $0.put("lm_head.lora_magnitude_vector", [293], deviation: 2)
      },
      {
        $0["lora_bias"] = "true"
        $0.put("model.layers.1.self_attn.o_proj.lora_B.bias", [64])
        $0.addPair("lm_head", inputs: 64, outputs: 293)
        $0.put("lm_head.lora_B.bias", [293], deviation: 1)
      },
    ]
    for edit in edits {
      var draft = PEFTDraft()
      draft.files["tokenizer_config.json"] = Self.names(290)
      draft.addPair("model.layers.1.self_attn.o_proj", inputs: 64, outputs: 64)
      edit(&draft)
      let set = try #require(try run.bind([(draft.adapter(), 1)]))
      #expect(set.addedTokens.map(\.id) == [290, 291] && set.outputExtension == nil)
      // The oracle: the model cut off as well.
      var cut = model.converted(to: .f32)
      for name in ["token_embd.weight", "output.weight"] {
        guard let index = cut.index(of: name) else { continue }
        cut.tensors[index] = .init(name, [64, 293], Array(cut.tensors[index].values.prefix(293 * 64)))
      }
      cut["tokenizer.ggml.tokens"] = .array(.string(Array(texts.prefix(293))))
      cut["llama.vocab_size"] = nil
      let merged = draft.merged(into: cut, scale: 1, heads: (h.headCount, h.kvHeadCount))
      let expected = try DecoderRun(merged.file(), table).logits(tokens)
      for batch in [nil, 1] {
        let found = try run.logits(tokens, set, batch: batch)
        #expect(found.allSatisfy { $0.count == 320 && $0.allSatisfy { $0.isFinite } })
        #expect(
          difference(found.map { Array($0.prefix(293)) }, expected) < 2 * Tolerance.floatWeights(table))
      }
      // Not below a token that has a name.
      model["tokenizer.ggml.tokens"] = .array(.string(texts.prefix(305) + ["named"] + texts.suffix(14)))
      let other = try DecoderRun(model.file(), table).decoder
      guard
        case .vocabularyMismatch(_, _, 320, 293)? = AdapterBinding.problems(try draft.adapter(), other).first
      else {
        Issue.record("a token was cut off")
        return
      }
      model["tokenizer.ggml.tokens"] = .array(.string(texts))
    }
  }

  /// Cut off, but with no token that the model lacks: such an adapter can be converted and merged.
  @Test(arguments: [true, false]) func cutOffRowsCanBeWritten(_ areFactors: Bool) throws {
    var model = try TinyModel.llama.draft()
    guard case .array(.string(var texts)) = model["tokenizer.ggml.tokens"] else {
      Issue.record("the fixture has no vocabulary")
      return
    }
    for id in 290..<320 { texts[id] = "[PAD\(id)]" }
    texts[289] = "<known>"
    model["tokenizer.ggml.tokens"] = .array(.string(texts))
    let run = try DecoderRun(model.file())
    var draft = PEFTDraft()
    draft.files["tokenizer_config.json"] = Self.names(289, ["<known>"])
    if areFactors {
      draft.put("model.embed_tokens.lora_embedding_A", [4, 293], deviation: 1)
      draft.put("model.embed_tokens.lora_embedding_B", [64, 4])
      draft.addPair("lm_head", inputs: 64, outputs: 293)
    } else {
      draft.put("model.embed_tokens.weight", [293, 64], deviation: 1)
      draft.put("lm_head.weight", [293, 64])
    }
    let adapter = try draft.adapter()
    let tokens = [3, 289, 4, 1, 295, 9, 2, 5]
    let set = try #require(try run.bind([(adapter, 1)]))
    #expect(set.addedTokens.isEmpty)
    let expected = try run.logits(tokens, set)
    let notes = try AdapterConversion(adapter, for: ConversionTarget(run.decoder), type: .f32).notes
    #expect(notes.count == 1 && notes[0].description.contains("no matrices for fewer tokens"))
    let converted = try AdapterConversionTests.convert(adapter, ConversionTarget(run.decoder))
    #expect(try difference(expected, run.logits(tokens, run.bind([(converted, 1)]))) < 1e-5)
    let merge = try ModelMerge(run.decoder, [.init(adapter, scale: 1)], types: .keep)
    let merged = try DecoderRun(GGUFFile(bytes: merge.serialized(), name: "merged"))
    #expect(try difference(expected, merged.logits(tokens)) < Tolerance.floats)
  }

  /// The keys of a converted adapter, wrong.
  @Test func wrongKeysAreRefused() throws {
    func read(_ ids: [UInt32], _ texts: [String]?, _ specials: [Bool]?) throws -> [AddedToken] {
      let run = try DecoderRun(.llama, .reference)
      var draft = run.adapter(where: { $0.tensor == "blk.0.attn_q.weight" })
      draft["mullama.adapter.tokens.ids"] = .array(.uint32(ids))
      draft["mullama.adapter.tokens.texts"] = texts.map { .array(.string($0)) }
      draft["mullama.adapter.tokens.special"] = specials.map { .array(.bool($0)) }
      return try draft.adapter().addedTokens
    }
    #expect(try read([5, 9], ["a", "b"], [true, false]).map(\.id) == [5, 9])
    for (ids, texts, specials) in [
      ([5, 9], nil, [true, false]), ([5, 9], ["a", "b"], nil), ([5, 9], ["a"], [true, false]),
      ([5], [""], [true]), ([1 << 24], ["a"], [true]), ([.max], ["a"], [true]),
    ] as [([UInt32], [String]?, [Bool]?)] {
      #expect {
        try read(ids, texts, specials)
      } throws: { error in
        if case AdapterError.invalidSetting(_, _, _, _) = error { true } else { false }
      }
    }
    for (ids, texts) in [([9, 5], ["a", "b"]), ([5, 5], ["a", "b"]), ([5, 9], ["a", "a"])]
      as [([UInt32], [String])]
    {
      #expect {
        try read(ids, texts, [true, true])
      } throws: { error in
        if case AdapterError.contradiction(_, _) = error { true } else { false }
      }
    }
  }

  /// Magnitudes and biases must be as many as the rows.
  @Test(arguments: ["use_dora", "lora_bias"], [320, 322]) func otherCountsAreRefused(
    _ key: String, _ count: Int
  )
    throws
  {
    let found = try problem { draft in
      draft.weights.tensors.removeAll { $0.name.contains("lm_head") || $0.name.contains("o_proj") }
      draft.addPair("lm_head", inputs: 64, outputs: 323)
      draft[key] = "true"
      draft.put(
        key == "use_dora" ? "lm_head.lora_magnitude_vector" : "lm_head.lora_B.bias", [count], deviation: 1)
    }
    guard case .shapeMismatch(_, _, [323], [count]) = found else {
      Issue.record("\(key): \(found.map { "\($0)" } ?? "nothing")")
      return
    }
  }
}
