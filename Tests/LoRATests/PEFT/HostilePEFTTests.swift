import Foundation
import GGUF
import Kernels
import LoRA
import SafeTensors
import TestSupport
import Testing
import Transformer

/// PEFT folders that are damaged, contradict themselves, ask for what is not done here, or were made for another model.
@Suite struct HostilePEFTTests {
  private static let q = "model.layers.0.self_attn.q_proj"
  private static let a = "base_model.model.\(q).lora_A.weight"

  /// A pair for one query of the tiny llama model: 64 inputs and outputs.
  private static func valid() -> PEFTDraft {
    var draft = PEFTDraft()
    draft.addPair(q, inputs: 64, outputs: 64)
    return draft
  }

  /// The error of reading a changed folder, with the folder's path cut off its files.
  private static func readError(_ edit: (inout PEFTDraft) -> Void) throws -> AdapterError? {
    var draft = valid()
    edit(&draft)
    return try draft.withFolder { folder in
      do {
        _ = try LoRA.Adapter.read(path: folder)
        return nil
      } catch let error as AdapterError {
        #expect(error.description.hasPrefix(folder), "the file is named first")
        return error
      }
    }
  }

  private static func bindError(_ edit: (inout PEFTDraft) -> Void) throws -> AdapterError? {
    var draft = valid()
    edit(&draft)
    let run = try DecoderRun(.llama, .reference)
    do {
      _ = try run.bind([(draft.adapter(), 1)])
      return nil
    } catch let error as AdapterError { return error }
  }

  @Test func theUnchangedAdapterIsAccepted() throws {
    #expect(try Self.readError { _ in } == nil)
    #expect(try Self.bindError { _ in } == nil)
  }

  // MARK: Settings

  @Test(arguments: ["IA3", "LOHA", "ADALORA", "lora", "PROMPT_TUNING"]) func otherKinds(_ kind: String) throws
  {
    guard case .unsupportedKind(_, kind) = try Self.readError({ $0["peft_type"] = "\"\(kind)\"" }) else {
      Issue.record("\(kind) was not refused")
      return
    }
  }

  @Test(
    arguments: [
      ("peft_type", nil), ("peft_type", "3"), ("r", nil), ("r", "0"), ("r", "-4"), ("r", "4.5"),
      ("r", "\"4\""),
      ("r", "65537"), ("lora_alpha", nil), ("lora_alpha", "\"8\""), ("lora_alpha", "1e999"),
      ("lora_alpha", "null"),
      ("use_rslora", "1"), ("use_dora", "\"yes\""), ("lora_bias", "0"), ("bias", "\"some\""),
      ("bias", "true"),
      ("rank_pattern", "[]"), ("target_modules", "[1]"), ("target_modules", "7"),
      ("layers_to_transform", "\"all\""),
      ("layers_to_transform", "[0.5]"), ("alora_invocation_tokens", "[]"),
      ("alora_invocation_tokens", "[-1]"),
      ("alora_invocation_tokens", "[2147483648]"), ("alora_invocation_tokens", "\"x\""),
      ("trainable_token_indices", "[1, 1]"), ("trainable_token_indices", "[-1]"),
      ("trainable_token_indices", "7"),
      ("modules_to_save", "\"lm_head\""), ("ensure_weight_tying", "2"),
    ] as [(String, String?)]) func valuesThatAreWrong(_ key: String, _ value: String?) throws
  {
    guard case .invalidSetting(_, key, _, let found) = try Self.readError({ $0[key] = value }) else {
      Issue.record("\(key) = \(value ?? "nothing") was not refused")
      return
    }
    #expect(found == value ?? "nothing")
  }

  @Test func patternValuesThatAreWrong() throws {
    for value in ["{\"q_proj\": 0}", "{\"q_proj\": 1.5}", "{\"q_proj\": null}"] {
      guard
        case .invalidSetting(_, "rank_pattern['q_proj']", _, _) = try Self.readError({
          $0["rank_pattern"] = value
        })
      else {
        Issue.record("\(value) was not refused")
        return
      }
    }
    guard
      case .invalidSetting(_, "alpha_pattern['q_proj']", _, _) = try Self.readError({
        $0["alpha_pattern"] = "{\"q_proj\": \"8\"}"
      })
    else {
      Issue.record("a text is no alpha")
      return
    }
  }

  /// What changes the arithmetic in a way that is not done here is refused; switched off it is harmless.
  @Test(arguments: [
    ("layer_replication", "[[0, 2], [1, 3]]"), ("use_qalora", "true"), ("arrow_config", "{\"top_k\": 3}"),
    ("use_bdlora", "{\"n\": 2}"), ("kasa_config", "{\"k\": 1}"), ("target_parameters", "[\"mlp.experts\"]"),
    ("init_lora_weights", "\"pissa\""), ("init_lora_weights", "\"pissa_niter_4\""),
    ("init_lora_weights", "\"olora\""),
    ("init_lora_weights", "\"loftq\""), ("init_lora_weights", "\"corda\""), ("some_new_setting", "true"),
    ("some_new_setting", "0.5"), ("some_new_setting", "\"x\""), ("some_new_setting", "0"),
    ("task_type", "\"SEQ_CLS\""), ("task_type", "\"TOKEN_CLS\""), ("task_type", "\"QUESTION_ANS\""),
  ]) func settingsThatAreNotSupported(_ key: String, _ value: String) throws {
    guard case .unsupportedSetting(_, key, _, _) = try Self.readError({ $0[key] = value }) else {
      Issue.record("\(key) = \(value) was not refused")
      return
    }
    for off in ["null", "false"] { #expect(try Self.readError { $0[key] = off } == nil) }
  }

  /// How an adapter was initialised decides what can be done with it.
  @Test(arguments: [
    ("pissa", "path_initial_model_for_weight_conversion"),
    ("pissa_niter_16", "path_initial_model_for_weight_conversion"),
    ("olora", "path_initial_model_for_weight_conversion"),
    ("corda", "path_initial_model_for_weight_conversion"),
    ("lora_ga", "path_initial_model_for_weight_conversion"), ("loftq", "merge_and_unload"),
    ("something_new", "write true"),
  ]) func whatToDoAboutAnInitialisation(_ way: String, _ advice: String) throws {
    let error = try Self.readError { $0["init_lora_weights"] = "\"\(way)\"" }
    guard case .unsupportedSetting(_, "init_lora_weights", way, let reason) = error else {
      Issue.record("\(way) was not refused")
      return
    }
    #expect(reason.contains(advice))
  }

  /// PEFT then changes the output as well, which the factors of an embedding do not say.
  @Test func factorsOfATiedEmbedding() throws {
    let folder = Fixtures.path("llama/adapters/embed/peft")
    for ties in ["true", "false", "null"] {
      var draft = try PEFTDraft(folder: folder)
      draft["ensure_weight_tying"] = ties
      let key: String? = try draft.withFolder { folder in
        do {
          _ = try LoRA.Adapter.read(path: folder)
          return nil
        } catch AdapterError.unsupportedSetting(_, let key, _, _) {
          return key
        }
      }
      #expect(key == (ties == "true" ? "ensure_weight_tying" : nil))
    }
  }

  /// PEFT writes the tied factors a second time, as the output's, and does not name the output among the targets.
  @Test func factorsOfATiedEmbeddingAndOutput() throws {
    func logits(_ ties: String, targets: String) throws -> [[Float]] {
      var draft = PEFTDraft()
      draft["ensure_weight_tying"] = ties
      draft["target_modules"] = targets
      draft.put("model.embed_tokens.lora_embedding_A", [4, 320], deviation: 1)
      draft.put("model.embed_tokens.lora_embedding_B", [64, 4])
      draft.addPair("lm_head", inputs: 64, outputs: 320)
      let run = try DecoderRun(.tied, .reference)
      return try run.logits([1, 9, 71], run.bind([(draft.adapter(), 1)]))
    }
    let both = try logits("false", targets: "[\"embed_tokens\", \"lm_head\"]")
    #expect(try logits("true", targets: "[\"embed_tokens\"]") == both)
    #expect(throws: AdapterError.self) { try logits("false", targets: "[\"embed_tokens\"]") }
  }

  @Test func harmlessSettings() throws {
    for (key, value) in [
      ("lora_dropout", "0.1"), ("task_type", "\"CAUSAL_LM\""), ("inference_mode", "true"),
      ("fan_in_fan_out", "true"),
      ("init_lora_weights", "\"gaussian\""), ("init_lora_weights", "\"mica\""),
      ("init_lora_weights", "false"), ("qalora_group_size", "16"),
      ("velora_config", "{\"num_groups\": 64}"), ("task_type", "\"FEATURE_EXTRACTION\""),
      ("megatron_core", "\"megatron.core\""), ("auto_mapping", "{\"parent_library\": \"x\"}"),
      ("revision", "\"main\""),
      ("peft_version", "\"9.9\""), ("loftq_config", "{}"), ("target_modules", "\".*q_proj\""),
      ("target_modules", "[\"q_proj\"]"), ("target_modules", "\"all-linear\""),
      ("layers_to_transform", "[0]"),
      ("layers_to_transform", "0"), ("rank_pattern", "{}"), ("some_new_setting", "{}"),
      ("some_new_setting", "[]"),
    ] {
      #expect(try Self.readError { $0[key] = value } == nil, "\(key) = \(value)")
    }
  }

  @Test func noConfiguration() throws {
    for text in ["", "[]", "3", "{\"r\": 1, \"r\": 2}", "{\"peft_type\": \"LORA\"", "\u{FEFF}{}"] {
      #expect {
        try Self.valid().withFolder { folder in
          try Array(text.utf8).write(to: folder + "/adapter_config.json")
          return try LoRA.Adapter.read(path: folder)
        }
      } throws: { error in
        switch error {
        case AdapterError.invalidConfiguration: !text.isEmpty
        case GGUFError.emptyFile: text.isEmpty
        default: false
        }
      }
    }
  }

  // MARK: Contradictions

  @Test func contradictions() throws {
    for (edit, word) in [
      ({ $0["r"] = "5" }, "rank 4"), ({ $0["rank_pattern"] = "{\"q_proj\": 2}" }, "rank 4"),
      ({ $0["target_modules"] = "[\"k_proj\"]" }, "target_modules"),
      ({ $0["target_modules"] = "[\"_proj\"]" }, "target_modules"),
      ({ $0["layers_to_transform"] = "[1, 2]" }, "layers_to_transform"),
      ({ $0.put(Self.q + ".lora_magnitude_vector", [64]) }, "use_dora"),
      ({ $0.put(Self.q + ".lora_B.bias", [64]) }, "lora_bias"),
      (
        {
          $0["use_dora"] = "true"
          $0["lora_bias"] = "true"
        }, "use_dora and lora_bias"
      ),
      (
        {
          $0["use_dora"] = "true"
          $0["alora_invocation_tokens"] = "[1]"
        }, "alora_invocation_tokens"
      ),
      (
        { $0.put("model.embed_tokens.token_adapter.trainable_tokens_delta", [2, 64]) },
        "trainable_token_indices"
      ),
      (
        {
          $0["trainable_token_indices"] = "[1, 2, 3]"
          $0.put("model.embed_tokens.token_adapter.trainable_tokens_delta", [2, 64])
        }, "lists 3 tokens"
      ), ({ $0.put(Self.q + ".lora_A.default.weight", [4, 64]) }, "two names"),
      ({ $0["modules_to_save"] = "[\"lm_head\"]" }, "no tensor 'lm_head.weight'"),
      ({ $0["trainable_token_indices"] = "[1]" }, "trainable_tokens_delta"),
    ] as [((inout PEFTDraft) -> Void, String)] {
      let error = try Self.readError(edit)
      guard case .contradiction(_, let what) = error else {
        Issue.record("\(word): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
      #expect(what.contains(word))
    }
  }

  // MARK: Tensors

  @Test func halvesThatAreMissing() throws {
    for (edit, half) in [
      ({ $0.weights.tensors.remove(at: 0) }, "lora_A.weight"),
      ({ $0.weights.tensors.remove(at: 1) }, "lora_B.weight"),
      ({ $0["use_dora"] = "true" }, "lora_magnitude_vector"), ({ $0["lora_bias"] = "true" }, "lora_B.bias"),
      ({ $0.put("model.embed_tokens.lora_embedding_A", [4, 320]) }, "lora_embedding_B"),
      ({ $0.put("lm_head.lora_magnitude_vector", [320]) }, "lora_A.weight"),
    ] as [((inout PEFTDraft) -> Void, String)] {
      let error = try Self.readError(edit)
      guard case .missingHalf(_, _, let name) = error else {
        Issue.record("\(half): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
      #expect(name.hasSuffix(half))
    }
  }

  @Test func namesOfNoForm() throws {
    for name in [
      "lora_A.weight", "x", "\(Self.q).lora_C.weight.x", "\(Self.q).lora_A", "\(Self.q).lora_A.a.b.weight",
      "\(Self.q).running_mean", "\(Self.q).lora_C.weight",
    ] {
      guard
        case .unexpectedTensor(_, PEFTDraft.prefix + name) = try Self.readError({ $0.put(name, [4, 64]) })
      else {
        Issue.record("\(name) was not refused")
        continue
      }
    }
  }

  /// DeepSpeed's third stage leaves empty tensors in the place of those that it has not gathered.
  @Test func emptyFactors() throws {
    for (a, b) in [([0], [0]), ([0], [64, 4]), ([4, 0], [64, 4])] {
      let error = try Self.readError {
        $0.put(Self.q + ".lora_A.weight", a)
        $0.put(Self.q + ".lora_B.weight", b)
      }
      guard case .unsupportedTarget(_, Self.q, let reason) = error else {
        Issue.record("\(a) and \(b): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
      #expect(reason.contains("empty"))
    }
  }

  /// The largest dimension of `[0, 1]` is 1, and yet there is no value.
  @Test(arguments: [[0], [0, 1], [1, 0]]) func emptyVectors(_ shape: [Int]) throws {
    for (name, setting) in [
      ("lora_magnitude_vector", "use_dora"), ("lora_B.bias", "lora_bias"), ("bias", "use_rslora"),
    ] {
      let error = try Self.readError {
        $0[setting] = "true"
        $0.put("\(Self.q).\(name)", shape)
      }
      guard case .unsupportedTarget(_, "\(PEFTDraft.prefix)\(Self.q).\(name)", let reason) = error else {
        Issue.record("\(name) \(shape): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
      #expect(reason.contains("empty"))
    }
  }

  /// What PEFT's layers of that kind do not have is not passed over.
  @Test func tensorsOfAnotherKindOfLayer() throws {
    let embedding = "model.embed_tokens"
    for (name, shape) in [("lora_A.weight", [4, 64]), ("lora_B.weight", [320, 4]), ("lora_B.bias", [64])] {
      let error = try Self.readError {
        $0.put(embedding + ".lora_embedding_A", [4, 320])
        $0.put(embedding + ".lora_embedding_B", [64, 4])
        $0.put("\(embedding).\(name)", shape)
      }
      guard case .contradiction(_, let what) = error else {
        Issue.record("\(name): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
      #expect(what.contains("\(embedding).\(name)"))
    }
    let experts = "model.layers.0.mlp.experts"
    for name in ["lora_magnitude_vector", "lora_B.bias", "weight", "bias"] {
      let error = try Self.readError {
        $0["target_parameters"] = "[\"mlp.experts.down_proj\"]"
        $0.put(experts + ".lora_A.weight", [16, 8])
        $0.put(experts + ".lora_B.weight", [64, 16])
        $0.put("\(experts).\(name)", [64])
      }
      guard case .unsupportedTarget(_, "\(PEFTDraft.prefix)\(experts).\(name)", _) = error else {
        Issue.record("\(name): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
    }
  }

  @Test func expertsWithoutEnd() throws {
    let experts = "model.layers.0.mlp.experts"
    for isFactor in [true, false] {
      let error = try Self.readError {
        $0["r"] = "1"
        $0.weights.tensors = []
        if isFactor {
          $0["target_parameters"] = "[\"mlp.experts.down_proj\"]"
          $0.put(experts + ".lora_A.weight", [20_000, 1])
          $0.put(experts + ".lora_B.weight", [1, 20_000])
        } else {
          $0.put(experts + ".down_proj", [20_000, 1, 1])
        }
      }
      guard case .unsupportedTarget(_, _, let reason) = error else {
        Issue.record("\(isFactor): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
      #expect(reason.contains("20000 experts"))
    }
  }

  /// A message stays readable, whatever it tells of.
  @Test func longTextsAreCut() throws {
    let long = String(repeating: "k", count: 100_000)
    let accents = "a" + String(repeating: "\u{301}", count: 100_000)
    for edit in [
      { $0[long] = "1" }, { $0["peft_type"] = "\"\(long)\"" }, { $0["x"] = "\"\(accents)\"" },
      { $0["init_lora_weights"] = "\"\(long)\"" }, { $0["rank_pattern"] = "{\"\(long)\": 4}" },
    ] as [(inout PEFTDraft) -> Void] {
      let error = try Self.readError(edit)
      #expect((1..<4000).contains(error?.description.utf8.count ?? 0))
    }
  }

  /// A link that leads nowhere is not a file that was never there.
  @Test(arguments: ["tokenizer_config.json", "tokenizer.json", "added_tokens.json", "chat_template.jinja"])
  func linksThatLeadNowhere(_ name: String) throws {
    try Self.valid().withFolder { folder in
      let path = folder + "/" + name
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: folder + "/gone")
      #expect(throws: GGUFError.missingFile(file: path)) { try LoRA.Adapter.read(path: folder) }
    }
  }

  @Test func templatesOfAnotherType() throws {
    for value in ["7", "true", "{\"default\": \"x\"}", "[{\"name\": \"default\", \"template\": 7}]"] {
      let error = try Self.readError { $0.files["tokenizer_config.json"] = "{\"chat_template\": \(value)}" }
      guard case .invalidSetting(_, "chat_template", _, _) = error else {
        Issue.record("\(value): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
    }
  }

  @Test func nothingAtAll() throws {
    guard case .noTensors = try Self.readError({ $0.weights.tensors = [] }) else {
      Issue.record("an empty adapter")
      return
    }
    guard
      case .noTensors = try Self.readError({
        $0.weights.tensors = []
        $0.put("lm_head.base_layer.weight", [320, 64])
      })
    else {
      Issue.record("only what is the base's own")
      return
    }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity]) func valuesThatAreNoNumbers(_ value: Float) throws {
    for (name, count) in [("lora_A.weight", 256), ("lora_B.weight", 256), ("lora_magnitude_vector", 64)] {
      let error = try Self.readError { draft in
        draft["use_dora"] = "true"
        draft.put(Self.q + ".lora_magnitude_vector", [64])
        var values = [Float](repeating: 1, count: count)
        values[count - 1] = value
        draft.put(
          "\(Self.q).\(name)", name == "lora_A.weight" ? [4, 64] : count == 64 ? [64] : [64, 4], values)
      }
      #expect(error.map { "\($0)".contains("'\(Self.q).\(name)' is not a finite number") } == true)
    }
  }

  @Test(arguments: ["I8", "U8", "F8_E4M3", "BOOL"]) func typesThatAreNoFactors(_ type: String) throws {
    let error = try Self.readError {
      $0.weights.tensors[0] = .init(Self.a, type: type, [4, 64], .init(repeating: 0, count: 256))
    }
    guard case .unsupportedFactorType(_, Self.a, type) = error else {
      Issue.record("\(type) was not refused")
      return
    }
  }

  @Test func shapesThatDoNotFitTogether() throws {
    for (a, b) in [
      ([4, 64], [64, 5]), ([64, 4], [64, 4]), ([4, 64, 1], [64, 4]), ([256], [64, 4]), ([4, 64], [4, 64]),
    ] {
      let error = try Self.readError {
        $0.put(Self.q + ".lora_A.weight", a)
        $0.put(Self.q + ".lora_B.weight", b)
      }
      guard case .rankMismatch = error else {
        Issue.record("\(a) and \(b): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
    }
  }

  @Test func damagedFiles() throws {
    let draft = Self.valid()
    try draft.withFolder { folder in
      let path = folder + "/adapter_model.safetensors"
      let bytes = draft.weights.bytes()
      for count in stride(from: 0, to: bytes.count, by: 97) {
        try Array(bytes[..<count]).write(to: path)
        #expect(throws: (any Error).self) { try LoRA.Adapter.read(path: folder) }
      }
    }
  }

  // MARK: For another model

  /// The same modules in a compiled model, in one that also sees images, and in one without an output.
  @Test(arguments: [
    "_orig_mod.model.layers.0.", "model.language_model.layers.0.", "language_model.model.layers.0.",
    "layers.0.",
  ]) func modulesInOtherModels(_ prefix: String) throws {
    func logits(_ module: String) throws -> [[Float]] {
      var draft = PEFTDraft()
      draft.put(module + ".lora_A.weight", [4, 64], [Float](repeating: 0.1, count: 256))
      draft.put(module + ".lora_B.weight", [64, 4], [Float](repeating: 0.2, count: 256))
      let run = try DecoderRun(.llama, .reference)
      return try run.logits([1, 9, 71], run.bind([(draft.adapter(), 1)]))
    }
    #expect(try logits(prefix + "self_attn.q_proj") == logits(Self.q))
    #expect(throws: AdapterError.self) { try logits("vision_tower." + prefix + "self_attn.q_proj") }
  }

  @Test func modulesThatTheModelLacks() throws {
    for module in [
      "model.layers.3.self_attn.q_proj", "model.layers.00.self_attn.q_proj",
      "model.layers.3.self_attn.qkv_proj",
      "transformer.h.0.attn.c_attn", "model.layers.0.self_attn.q_norm",
      "score",
    ] {
      let error = try Self.bindError { $0.addPair(module, inputs: 64, outputs: 64) }
      guard case .unknownTarget(_, module) = error else {
        Issue.record("\(module): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
    }
    let expert = "model.layers.0.block_sparse_moe.experts.1.w1"
    guard
      case .unknownTarget(_, expert) = try Self.bindError({ $0.addPair(expert, inputs: 64, outputs: 128) })
    else {
      Issue.record("the model has no experts")
      return
    }
  }

  /// Projections that the model has fused, or apart.
  @Test func fusedAndSeparateProjections() throws {
    let attention = ["q_proj", "k_proj", "v_proj"], gates = ["gate_proj", "up_proj"]
    for (model, parts, name, fused) in [
      (TinyModel.phi3, attention, "self_attn", "qkv_proj"), (.phi3, gates, "mlp", "gate_up_proj"),
      (.llama, attention, "self_attn", "qkv_proj"), (.llama, gates, "mlp", "gate_up_proj"),
    ] {
      let run = try DecoderRun(model, .reference)
      let isFused = model.name == TinyModel.phi3.name
      for part in isFused ? parts : [fused] {
        var draft = PEFTDraft()
        let module = "model.layers.1.\(name).\(part)"
        draft.addPair(module, inputs: 64, outputs: 64)
        guard
          case .otherProjections(_, module, let instead)? =
            AdapterBinding.problems(try draft.adapter(), run.decoder).first
        else {
          Issue.record("\(module) of \(model) was taken")
          continue
        }
        #expect(instead == (isFused ? [fused] : parts))
      }
    }
    // A GGUF adapter has the file's names.
    let run = try DecoderRun(.phi3, .reference)
    var draft = run.adapter { _ in 2 }
    draft.tensors = []
    HostileAdapterTests.pair(&draft, "blk.0.attn_v.weight", a: [64, 2], b: [2, 64])
    guard
      case .otherProjections(_, "blk.0.attn_v.weight", ["attn_qkv"])? =
        AdapterBinding.problems(try draft.adapter(), run.decoder).first
    else {
      Issue.record("attn_v was taken")
      return
    }
  }

  /// Experts by number, of which the model has four.
  @Test func expertsThatTheModelLacks() throws {
    let run = try DecoderRun(TinyModel.experts[0], .reference)
    for (expert, fits) in [(0, true), (3, true), (4, false), (400, false)] {
      var draft = PEFTDraft()
      let module = "model.layers.0.block_sparse_moe.experts.\(expert).w1"
      draft.addPair(module, inputs: 64, outputs: 128)
      let problems = AdapterBinding.problems(try draft.adapter(), run.decoder)
      if fits {
        #expect(problems.isEmpty)
      } else if case .unsupportedTarget(_, module, _)? = problems.first {
        continue
      } else {
        Issue.record("expert \(expert) was not refused")
      }
    }
  }

  @Test func shapesOfAnotherModel() throws {
    for (module, inputs, outputs, name, expected, found) in [
      (Self.q, 32, 64, "lora_A.weight", [4, 64], [4, 32]),
      (Self.q, 64, 128, "lora_B.weight", [64, 4], [128, 4]),
      ("lm_head", 32, 320, "lora_A.weight", [4, 64], [4, 32]),
    ] {
      let error = try Self.bindError { $0.addPair(module, inputs: inputs, outputs: outputs) }
      guard case .shapeMismatch(_, "\(module).\(name)", expected, found) = error else {
        Issue.record("\(module) \(name): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
    }
    guard
      case .shapeMismatch(_, "model.norm.weight", [64], [63]) = try Self.bindError({
        $0.put("model.norm.weight", [63])
      })
    else {
      Issue.record("a norm of another width")
      return
    }
  }

  /// Tokens that were added to the vocabulary for training, in every form in which they occur.
  @Test func addedTokens() throws {
    for (edit, tensor) in [
      ({ $0.put("lm_head.weight", [323, 64]) }, "lm_head"),
      ({ $0.put("model.embed_tokens.weight", [323, 64]) }, "model.embed_tokens"),
      ({ $0.addPair("lm_head", inputs: 64, outputs: 323) }, "lm_head"),
      (
        {
          $0.put("model.embed_tokens.lora_embedding_A", [4, 323])
          $0.put("model.embed_tokens.lora_embedding_B", [64, 4])
        }, "model.embed_tokens"
      ),
      (
        {
          $0["trainable_token_indices"] = "[5, 322]"
          $0.put("model.embed_tokens.token_adapter.trainable_tokens_delta", [2, 64])
        }, "model.embed_tokens"
      ),
    ] as [((inout PEFTDraft) -> Void, String)] {
      let error = try Self.bindError(edit)
      guard case .vocabularyMismatch(_, tensor, 320, 323) = error else {
        Issue.record("\(tensor): \(error.map { "\($0)" } ?? "nothing")")
        continue
      }
      #expect(error?.description.contains("3 added tokens") == true)
    }
  }

  /// A matrix that is replaced and one whose rows have norms of their own: both cannot be, and the rows of added tokens are not
  /// looked for where they are not.
  @Test(arguments: [320, 323]) func replacedAndWithMagnitudes(_ rows: Int) throws {
    let run = try DecoderRun(.llama, .reference)
    for isOutput in [true, false] {
      var draft = PEFTDraft()
      draft["use_dora"] = "true"
      if rows > 320 {
        draft.files["tokenizer_config.json"] = AddedTokensTests.names(320, ["<a>", "<b>", "<c>"])
      }
      for module in ["model.embed_tokens", "lm_head"] { draft.put(module + ".weight", [rows, 64]) }
      if isOutput {
        draft.addPair("lm_head", inputs: 64, outputs: rows)
        draft.put("lm_head.lora_magnitude_vector", [rows])
      } else {
        draft.put("model.embed_tokens.lora_embedding_A", [4, rows])
        draft.put("model.embed_tokens.lora_embedding_B", [64, 4])
        draft.put("model.embed_tokens.lora_magnitude_vector", [64])
      }
      let adapter = try draft.adapter()
      #expect {
        try run.bind([(adapter, 1)])
      } throws: { error in
        if case AdapterError.contradiction(_, let what) = error {
          what.contains(isOutput ? "output.weight" : "token_embd.weight")
        } else {
          false
        }
      }
      // Whoever asks whether it fits is told.
      #expect(AdapterBinding(run.decoder).check(adapter).problems.count == 1)
    }
  }

  /// All that does not fit is listed, not only the first thing.
  @Test func everyProblemIsListed() throws {
    var draft = Self.valid()
    draft.addPair("model.layers.7.self_attn.q_proj", inputs: 64, outputs: 64)
    draft.addPair("model.layers.1.self_attn.v_proj", inputs: 64, outputs: 64)
    draft.put("model.norm.weight", [3])
    let adapter = try draft.adapter()
    let run = try DecoderRun(.llama, .reference)
    #expect(AdapterBinding.problems(adapter, run.decoder).count == 3)
    #expect(throws: AdapterError.self) { try run.bind([(adapter, 1)]) }
  }
}

extension [UInt8] {
  fileprivate func write(to path: String) throws {
    try Data(self).write(to: URL(fileURLWithPath: path))
  }
}
