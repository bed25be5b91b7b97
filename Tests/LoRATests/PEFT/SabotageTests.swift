import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// Deliberate faults, made in the input where the code would make them: each moves the logits so far from PEFT's that the
/// conformance tests notice. Without this, a reference that is blind to a mistake would pass for a proof.
@Suite struct SabotageTests {
  /// A fault must move some logit at least this much: a hundred times what the conformance tests allow.
  private static let least = 100 * ModelConformanceTests.tolerance

  /// The error of an adapter of the tiny llama against a reference after an edit of its folder's files.
  private func error(_ name: String, scale: Float = 1, _ edit: (inout PEFTDraft) -> Void) throws -> Double {
    let manifest = try ConformanceManifest.load("llama")
    var draft = try PEFTDraft(folder: manifest.peftPath(name))
    edit(&draft)
    let item = try manifest.conformanceCase("\(name)@\(scale).short")
    let run = try DecoderRun(manifest.modelPath)
    let rows = try run.logits(manifest.tokens(of: item), run.bind([(draft.adapter(), scale)]))
    return try PEFTConformanceTests.error(rows, manifest, item)
  }

  @Test(arguments: ["lora", "rslora", "pattern", "embed", "dora", "mts_lmhead", "bias"])
  func withoutAFaultThereIsNoError(_ name: String) throws {
    #expect(try error(name) { _ in } < ModelConformanceTests.tolerance)
    #expect(try error(name, scale: 0.5) { _ in } < ModelConformanceTests.tolerance)
  }

  @Test func alphaOrRankDropped() throws {
    #expect(try error("lora") { $0["lora_alpha"] = "4" } > Self.least)  // alpha / rank = 1
    #expect(try error("lora") { $0["lora_alpha"] = "32" } > Self.least)  // rank dropped: the scale is alpha
    #expect(try error("rslora") { $0["use_rslora"] = "false" } > Self.least)
    #expect(try error("pattern") { $0["alpha_pattern"] = "{}" } > Self.least)
    // The rank of the configuration in the place of the module's own.
    #expect(
      try error("pattern") {
        $0["alpha_pattern"] =
          "{\"v_proj\": 3, \"gate_proj\": 6, \"q_proj\": 4, \"layers\\\\.1\\\\.mlp\\\\.down_proj\": 16}"
      } > Self.least)
  }

  @Test func rowsOfQueryAndKeyAsTheyAre() throws {
    for (module, heads) in [("q_proj", 4), ("k_proj", 2)] {
      let found = try error("lora") { draft in
        draft.edit { name, shape, values in
          guard name.hasSuffix("\(module).lora_B.weight") else { return }
          // What the binding does is undone beforehand.
          values = PEFTDraft.permuted(
            values.map { Double($0) }, columns: shape[1], heads: heads, toFile: false
          )
          .map { Float($0) }
        }
      }
      #expect(found > Self.least, "\(module)")
    }
  }

  /// Permuting A as well, as one converter does.
  @Test func theWrongHalfPermuted() throws {
    let found = try error("lora") { draft in
      draft.edit { name, shape, values in
        guard name.hasSuffix("q_proj.lora_A.weight") else { return }
        values = stride(from: 0, to: values.count, by: shape[1]).flatMap { row in
          PEFTDraft.permuted(
            values[row..<row + shape[1]].map { Double($0) }, columns: 1, heads: 4, toFile: true
          ).map { Float($0) }
        }
      }
    }
    #expect(found > Self.least)
  }

  @Test func theEmbeddingsFactorNotTransposed() throws {
    let found = try error("embed") { draft in
      draft.edit { name, shape, values in
        guard name.hasSuffix("lora_embedding_A") else { return }
        // Read row by row as tokens × rank, without being turned.
        let (rank, tokens) = (shape[0], shape[1])
        let original = values
        for token in 0..<tokens {
          for k in 0..<rank { values[k * tokens + token] = original[token * rank + k] }
        }
      }
    }
    #expect(found > Self.least)
  }

  @Test func theEmbeddingsDeltaLeftOut() throws {
    #expect(
      try error("embed") { $0.weights.tensors.removeAll { $0.name.contains("embedding") } } > Self.least)
    #expect(
      try error("lmhead_lora") { $0.weights.tensors.removeAll { $0.name.contains("lm_head.lora") } }
        > Self.least)
  }

  @Test func biasesAndReplacementsLeftOut() throws {
    #expect(
      try error("bias") {
        $0["lora_bias"] = "false"
        $0.weights.tensors.removeAll { $0.name.hasSuffix("lora_B.bias") }
      } > Self.least)
    #expect(
      try error("mts_lmhead") {
        $0["modules_to_save"] = "null"
        $0.weights.tensors.removeAll { $0.name.contains("lm_head") }
      } > Self.least)
  }

  @Test func magnitudesLeftOut() throws {
    #expect(
      try error("dora") {
        $0["use_dora"] = "false"
        $0.weights.tensors.removeAll { $0.name.hasSuffix("magnitude_vector") }
      } > Self.least)
  }

  /// Norms of columns instead of rows, where the matrix is square, and norms of W without the adapter's share.
  @Test func magnitudesOverTheWrongNorm() throws {
    let model = try TinyModel.llama.draft()
    for wrongAxis in [true, false] {
      let found = try error("dora") { draft in
        for layer in 0..<3 {
          let module = "model.layers.\(layer).self_attn.o_proj"
          guard let w = model.index(of: "blk.\(layer).attn_output.weight"),
            let a = draft.weights[PEFTDraft.prefix + module + ".lora_A.weight"]?.floats,
            let b = draft.weights[PEFTDraft.prefix + module + ".lora_B.weight"]?.floats
          else { return }
          let base = model.tensors[w].values
          var adapted = base
          for i in adapted.indices {
            for k in 0..<4 { adapted[i] += 2 * b[i / 64 * 4 + k] * a[k * 64 + i % 64] }
          }
          func norms(_ values: [Float], columns: Bool) -> [Float] {
            (0..<64).map { line in
              (0..<64).reduce(Float(0)) {
                let value = columns ? values[$1 * 64 + line] : values[line * 64 + $1]
                return $0 + value * value
              }.squareRoot()
            }
          }
          let right = norms(adapted, columns: false)
          let wrong = wrongAxis ? norms(adapted, columns: true) : norms(base, columns: false)
          // The magnitude that makes the right code compute what the wrong one would.
          draft.edit { name, _, values in
            guard name.hasSuffix(module + ".lora_magnitude_vector") else { return }
            for i in values.indices { values[i] *= right[i] / wrong[i] }
          }
        }
      }
      #expect(found > Self.least, wrongAxis ? "wrong axis" : "without the adapter")
    }
  }

  /// A delta that is left out of one row of a batch, or of one of the matrices that share a region.
  @Test func deltasLeftOut() throws {
    let manifest = try ConformanceManifest.load("llama")
    let item = try manifest.conformanceCase("lora@1.0.short")
    let run = try DecoderRun(manifest.modelPath)
    let tokens = try manifest.tokens(of: item).map { Int32($0) }
    let set = try PEFTConformanceTests.bind(run, manifest, item)
    let expected = try manifest.logits(of: item)
    for skipped in tokens.indices {
      let state = DecoderState(run.decoder, maximumTokens: tokens.count, maximumLogits: tokens.count)
      let sequence = run.decoder.makeSequence(capacity: tokens.count)
      var batch = Batch()
      try batch.append(tokens[..<skipped], to: sequence, adapters: set, logits: .all)
      try batch.append(tokens[skipped...skipped], to: sequence, adapters: nil, logits: .all)
      try batch.append(tokens[(skipped + 1)...], to: sequence, adapters: set, logits: .all)
      try run.decoder.forward(batch, state)
      let found = state.logits.values(row: skipped)
      #expect(Logits.maxAbsDifference(found, expected.row(skipped)) > Self.least, "row \(skipped)")
    }
    for module in ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] {
      let found = try error("lora") { $0.weights.tensors.removeAll { $0.name.contains(module) } }
      #expect(found > Self.least, "\(module)")
    }
  }

  /// Keys and values of one adapter under another.
  @Test func staleKeysAndValues() throws {
    let manifest = try ConformanceManifest.load("llama")
    let item = try manifest.conformanceCase("lora@1.0.short")
    let run = try DecoderRun(manifest.modelPath)
    let tokens = try manifest.tokens(of: item).map { Int32($0) }
    let set = try PEFTConformanceTests.bind(run, manifest, item)
    let other = try run.bind([(LoRA.Adapter.read(path: manifest.peftPath("lora2")), 1)])
    for before in [nil, other] {
      let state = DecoderState(run.decoder, maximumTokens: tokens.count, maximumLogits: 1)
      let sequence = run.decoder.makeSequence(capacity: tokens.count)
      var batch = Batch()
      try batch.append(tokens.dropLast(), to: sequence, adapters: before, logits: .none)
      try run.decoder.forward(batch, state)
      batch.removeAll()
      try batch.append(tokens.suffix(1), to: sequence, adapters: set, logits: .last)
      try run.decoder.forward(batch, state)
      let found = state.logits.values(row: 0)
      let expected = try manifest.logits(of: item).row(tokens.count - 1)
      #expect(Logits.maxAbsDifference(found, expected) > Self.least)
    }
  }
}
