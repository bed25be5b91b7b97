import GGUF
import Kernels
import Testing
import Transformer

/// What mixtures of experts must say about themselves, and which kinds are refused by name.
@Suite struct ExpertHyperparameterTests {
  private func expect(
    _ error: ModelError, _ model: String = "mixtral", _ location: SourceLocation = #_sourceLocation,
    _ edit: (inout ModelDraft) -> Void
  ) throws {
    var draft = try ModelDraft(model)
    edit(&draft)
    let file = try draft.file()
    #expect(throws: error, sourceLocation: location) {
      try Decoder(file, compute: Compute(table: .reference, threads: 1))
    }
  }

  private func invalid(_ key: String, _ expected: String, _ found: String) -> ModelError {
    HostileModelTests.invalid(key, expected, found)
  }

  @Test func theUnchangedModelsAreAccepted() throws {
    let mixtral = try #require(try ModelDraft("mixtral").decoder().hyperparameters.experts)
    #expect((mixtral.count, mixtral.used, mixtral.feedForwardLength) == (4, 2, 128))
    let qwen = try #require(try ModelDraft("qwen3moe").decoder().hyperparameters.experts)
    #expect((qwen.count, qwen.used, qwen.feedForwardLength) == (4, 2, 48))
    #expect(try ModelDraft("llama").decoder().hyperparameters.experts == nil)
    #expect(try ModelDraft("qwen2").decoder().hyperparameters.experts == nil)
  }

  @Test func counts() throws {
    for count in [1025, 65536, 1 << 30] as [UInt32] {
      try expect(invalid("llama.expert_count", "0 to 1024", "\(count)")) {
        $0["llama.expert_count"] = .uint32(count)
      }
    }
    try expect(invalid("llama.expert_count", "0 to 1024", "-1")) { $0["llama.expert_count"] = .int32(-1) }
    for count in [0, 5, 1 << 30] as [UInt32] {
      try expect(invalid("llama.expert_used_count", "1 to 4", "\(count)")) {
        $0["llama.expert_used_count"] = .uint32(count)
      }
    }
    try expect(invalid("llama.expert_used_count", "1 to 4", "nothing")) {
      $0["llama.expert_used_count"] = nil
    }
    // An architecture that is always one of experts needs to say how many.
    try expect(invalid("qwen3moe.expert_count", "1 to 1024", "nothing"), "qwen3moe") {
      $0["qwen3moe.expert_count"] = nil
    }
    try expect(invalid("qwen3moe.expert_count", "1 to 1024", "0"), "qwen3moe") {
      $0["qwen3moe.expert_count"] = .uint32(0)
    }
    try expect(
      invalid("qwen2.expert_count", "0: experts of this architecture are not supported", "4"), "qwen2"
    ) { $0["qwen2.expert_count"] = .uint32(4) }
  }

  @Test func tensorsThatSayOtherwise() throws {
    for (name, shape) in [
      ("ffn_gate_inp", [64, 4]), ("ffn_gate_exps", [64, 128, 4]), ("ffn_up_exps", [64, 128, 4]),
      ("ffn_down_exps", [128, 64, 4]),
    ] {
      let tensor = "blk.1.\(name).weight"
      try expect(.missingTensor(file: ModelDraft.name, tensor: tensor)) { $0.remove(tensor) }
      let wrong = [
        Array(shape.dropLast()), Array(shape.dropLast()) + [5], Array(shape.dropLast()) + [1], shape + [2],
      ]
      for found in wrong {
        try expect(HostileModelTests.wrongShape(tensor, shape, found)) {
          $0.put(ModelDraft.Tensor(tensor, found))
        }
      }
    }
    // More or fewer experts than the tensors hold; the router is looked at first.
    try expect(HostileModelTests.wrongShape("blk.0.ffn_gate_inp.weight", [64, 8], [64, 4])) {
      $0["llama.expert_count"] = .uint32(8)
    }
    try expect(
      HostileModelTests.wrongShape("blk.0.ffn_gate_exps.weight", [64, 128, 4], [64, 48, 4]), "qwen3moe"
    ) {
      $0["qwen3moe.expert_feed_forward_length"] = nil
    }
    try expect(
      HostileModelTests.wrongShape("blk.0.ffn_gate_exps.weight", [64, 49, 4], [64, 48, 4]), "qwen3moe"
    ) {
      $0["qwen3moe.expert_feed_forward_length"] = .uint32(49)
    }
    try expect(invalid("qwen3moe.expert_feed_forward_length", "1 to 16777216", "0"), "qwen3moe") {
      $0["qwen3moe.expert_feed_forward_length"] = .uint32(0)
    }
    // A model of experts that says it is dense lacks the dense tensors, and the other way round.
    try expect(.missingTensor(file: ModelDraft.name, tensor: "blk.0.ffn_gate.weight")) {
      $0["llama.expert_count"] = .uint32(0)
    }
    try expect(.missingTensor(file: ModelDraft.name, tensor: "blk.0.ffn_gate_inp.weight"), "llama") {
      $0["llama.expert_count"] = .uint32(4)
      $0["llama.expert_used_count"] = .uint32(2)
    }
  }

  @Test func mixturesOfOtherKinds() throws {
    let kinds: [(String, MetadataValue, String, String)] = [
      ("expert_shared_count", .uint32(1), "0: shared experts are not supported", "1"),
      (
        "leading_dense_block_count", .uint32(1), "0: dense layers before the experts are not supported", "1"
      ),
      (
        "interleave_moe_layer_step", .uint32(2),
        "0 to 1: dense layers between the experts are not supported", "2"
      ),
      ("expert_group_count", .uint32(2), "0 to 1: groups of experts are not supported", "2"),
      ("expert_gating_func", .uint32(2), "1 (softmax): other scores are not supported", "2"),
      (
        "expert_weights_norm", .bool(false), "true: weights that do not add up to 1 are not supported",
        "false"
      ),
      ("expert_weights_scale", .float32(2.5), "1: scaled weights are not supported", "2.5"),
    ]
    for (name, value, expected, found) in kinds {
      for (model, architecture) in [("mixtral", "llama"), ("qwen3moe", "qwen3moe")] {
        try expect(invalid("\(architecture).\(name)", expected, found), model) {
          $0["\(architecture).\(name)"] = value
        }
      }
      // A dense model has no use for them.
      var dense = try ModelDraft("llama")
      dense["llama.\(name)"] = value
      _ = try dense.decoder()
    }
    var draft = try ModelDraft("qwen3moe")
    draft["qwen3moe.expert_shared_count"] = .uint32(0)
    draft["qwen3moe.expert_gating_func"] = .uint32(1)
    draft["qwen3moe.expert_weights_norm"] = .bool(true)
    draft["qwen3moe.expert_weights_scale"] = .float32(1)
    _ = try draft.decoder()
  }

  /// The smallest mixture: one expert of a stack without a third dimension, always chosen, with a weight of 1.
  @Test func oneExpertIsADenseLayer() throws {
    let dense = try ModelDraft("llama")
    var one = dense
    one["llama.expert_count"] = .uint32(1)
    one["llama.expert_used_count"] = .uint32(1)
    for index in one.tensors.indices {
      for name in ["gate", "up", "down"] where one.tensors[index].name.hasSuffix("ffn_\(name).weight") {
        one.tensors[index].name.removeLast(7)
        one.tensors[index].name += "_exps.weight"
      }
    }
    for layer in 0..<3 { one.put(ModelDraft.Tensor("blk.\(layer).ffn_gate_inp.weight", [64, 1])) }
    func logits(_ draft: ModelDraft, _ tokens: [Int32]) throws -> [[Float]] {
      let decoder = try draft.decoder(.portable)
      let state = DecoderState(decoder, maximumTokens: tokens.count, maximumLogits: tokens.count)
      var batch = Batch()
      try batch.append(
        tokens, to: decoder.makeSequence(capacity: tokens.count), adapters: nil, logits: .all)
      try decoder.forward(batch, state)
      return tokens.indices.map { state.logits.values(row: $0) }
    }
    for tokens in [[7], [7, 300, 12, 45, 45, 9]] as [[Int32]] {
      #expect(try logits(one, tokens) == logits(dense, tokens))
    }
  }
}
