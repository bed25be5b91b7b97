import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

// Adapters that are sound by themselves, but not for this model or at this scale.

extension HostileAdapterTests {
  @Test func anotherArchitecture() throws {
    try expectUnbindable(.wrongArchitecture(adapter: Self.name, expected: "llama", found: "qwen2")) {
      $0["general.architecture"] = .string("qwen2")
    }
    let qwen = try DecoderRun(TinyModel.floats[1], .reference)
    #expect(throws: AdapterError.wrongArchitecture(adapter: Self.name, expected: "qwen2", found: "llama")) {
      try qwen.bind([(Self.read { _ in }, 1)])
    }
  }

  @Test(arguments: [
    "blk.3.attn_q.weight", "blk.3.attn_qkv.weight", "blk.0.attn_q", "blk.0.attn_q.bias", "rope_freqs.weight",
    "",
    "blk.00.attn_q.weight", "BLK.0.ATTN_Q.WEIGHT",
  ]) func aTargetThatTheModelLacks(_ tensor: String) throws {
    try expectUnbindable(.unknownTarget(adapter: Self.name, tensor: tensor)) {
      Self.pair(&$0, tensor, a: [64, 4], b: [4, 64])
    }
  }

  @Test(arguments: ["blk.1.attn_norm.weight", "blk.2.ffn_norm.weight", "output_norm.weight"])
  func norms(_ tensor: String) throws {
    try expectUnbindable(
      .unsupportedTarget(
        adapter: Self.name, tensor: tensor, reason: "it is a norm, which has no low-rank form")
    ) { Self.pair(&$0, tensor, a: [64, 4], b: [4, 64]) }
  }

  /// A sequence that cannot be in a prompt would leave the adapter off for ever.
  @Test func invocationTokensThatTheModelLacks() throws {
    try expectUnbindable(.invocationToken(adapter: Self.name, token: 320, tokens: 320)) {
      $0["adapter.alora.invocation_tokens"] = .array(.uint32([7, 320]))
    }
  }

  /// The factors of an embedding have no bias, which is not passed over.
  @Test func biasesOfEmbeddingFactors() throws {
    try expectUnbindable(
      .unsupportedTarget(
        adapter: Self.name, tensor: "token_embd.weight.lora_bias",
        reason: "the factors of an embedding have no bias")
    ) {
      Self.pair(&$0, "token_embd.weight", a: [4, 320], b: [4, 64])
      $0.put(GGUFDraft.Tensor("token_embd.weight.lora_bias", [64], .init(repeating: 1, count: 64)))
    }
  }

  /// A stack becomes a pair for each of its experts.
  @Test func stacksWithoutEnd() throws {
    #expect {
      try Self.read { Self.pair(&$0, "blk.0.ffn_up_exps.weight", a: [1, 1, 20_000], b: [1, 1, 20_000]) }
    } throws: { error in
      if case AdapterError.unsupportedTarget(_, "blk.0.ffn_up_exps.weight.lora_a", let reason) = error {
        reason.contains("20000 experts")
      } else {
        false
      }
    }
  }

  /// Every site with one input or output too many or too few.
  @Test func factorsOfAnotherShape() throws {
    let run = try DecoderRun(.llama, .reference)
    for site in run.decoder.adaptable where site.kind != .embedding {
      for change in [-1, 1, 64] {
        let a = [site.inputs + change, 4], b = [4, site.outputs + change]
        let adapter = try Self.read { Self.pair(&$0, site.tensor, a: a, b: [4, site.outputs]) }
        #expect(
          AdapterBinding.problems(adapter, run.decoder) == [
            .shapeMismatch(
              adapter: Self.name, tensor: site.tensor + ".lora_a", expected: [site.inputs, 4], found: a)
          ])
        let other = try Self.read { Self.pair(&$0, site.tensor, a: [site.inputs, 4], b: b) }
        #expect(
          AdapterBinding.problems(other, run.decoder) == [
            .shapeMismatch(
              adapter: Self.name, tensor: site.tensor + ".lora_b", expected: [4, site.outputs], found: b)
          ])
      }
    }
    try expectUnbindable(
      .shapeMismatch(adapter: Self.name, tensor: Self.q + ".lora_a", expected: [64, 4], found: [32, 4])
    ) { Self.pair(&$0, a: [32, 4], b: [4, 64]) }
    try expectUnbindable(
      .shapeMismatch(
        adapter: Self.name, tensor: "output.weight.lora_b", expected: [4, 320], found: [4, 321])
    ) { Self.pair(&$0, "output.weight", a: [64, 4], b: [4, 321]) }
  }

  @Test func embeddings() throws {
    let name = "token_embd.weight"
    try expectUnbindable(
      .notTransposed(adapter: Self.name, tensor: name + ".lora_a", expected: [4, 320], found: [320, 4])
    ) { Self.pair(&$0, name, a: [320, 4], b: [4, 64]) }
    try expectUnbindable(
      .shapeMismatch(adapter: Self.name, tensor: name + ".lora_a", expected: [4, 320], found: [4, 321])
    ) { Self.pair(&$0, name, a: [4, 321], b: [4, 64]) }
    try expectUnbindable(
      .shapeMismatch(adapter: Self.name, tensor: name + ".lora_b", expected: [4, 64], found: [4, 63])
    ) { Self.pair(&$0, name, a: [4, 320], b: [4, 63]) }
  }

  /// Kernels have scratch memory for rows as long as the model's longest, which is 128; a rank beyond says nothing more.
  @Test(arguments: ["blk.0.attn_q.weight", "token_embd.weight", "output.weight"])
  func ranksBeyondTheModel(_ tensor: String) throws {
    let run = try DecoderRun(.llama, .reference)
    let site = try #require(run.decoder.adaptable.first { $0.tensor == tensor })
    func draft(_ rank: Int) -> GGUFDraft {
      var draft = GGUFDraft.adapter([site]) { _ in 1 }
      let isEmbedding = site.kind == .embedding
      Self.pair(
        &draft, tensor, a: isEmbedding ? [rank, site.outputs] : [site.inputs, rank],
        b: [rank, isEmbedding ? site.inputs : site.outputs])
      return draft
    }
    for table in DecoderRun.tables {
      let run = try DecoderRun(.llama, table)
      #expect(try run.bind([(draft(128).adapter(), 1)]) != nil)
      for rank in [129, 5000] {
        #expect(
          throws: AdapterError.rankTooLarge(adapter: Self.name, tensor: tensor, limit: 128, found: rank)
        ) {
          try run.bind([(draft(rank).adapter(Self.name), 1)])
        }
      }
    }
  }

  /// Everything that is wrong is listed, not just the first.
  @Test func allProblems() throws {
    let run = try DecoderRun(.llama, .reference)
    let adapter = try Self.read {
      Self.pair(&$0, a: [32, 4], b: [4, 64])
      Self.pair(&$0, "blk.9.attn_q.weight", a: [64, 4], b: [4, 64])
    }
    #expect(
      AdapterBinding.problems(adapter, run.decoder) == [
        .shapeMismatch(adapter: Self.name, tensor: Self.q + ".lora_a", expected: [64, 4], found: [32, 4]),
        .unknownTarget(adapter: Self.name, tensor: "blk.9.attn_q.weight"),
      ])
  }

  // MARK: Scales

  @Test func scalesThatAreNoNumbers() throws {
    for scale in [Float.infinity, -.infinity] {
      try expectUnbindable(.invalidScale(adapter: Self.name, scale: scale), scale: scale) { _ in }
    }
    let run = try DecoderRun(.llama, .reference)
    let adapter = try Self.read { _ in }
    for scale in [Float.nan, -.nan] {
      #expect {
        try run.bind([(adapter, scale)])
      } throws: { error in
        guard case AdapterError.invalidScale(Self.name, let found) = error else { return false }
        return found.isNaN
      }
    }
  }

  /// alpha / rank can take a finite scale beyond what a float holds.
  @Test func scalesThatOverflow() throws {
    try expectUnbindable(.invalidScale(adapter: Self.name, scale: .infinity), scale: 3e38) {
      $0["adapter.lora.alpha"] = .float32(3e38)
    }
    try expectUnbindable(.invalidScale(adapter: Self.name, scale: -.infinity), scale: -3e38) {
      $0["adapter.lora.alpha"] = .float32(16)
    }
  }

  /// A scale that vanishes is zero, and zero is the base.
  @Test func scalesThatVanish() throws {
    let run = try DecoderRun(.llama, .reference)
    let adapter = try Self.read { $0["adapter.lora.alpha"] = .float32(1e-30) }
    #expect(try run.bind([(adapter, 1e-30)]) == nil)
    #expect(try run.bind([(adapter, .leastNonzeroMagnitude)]) == nil)
  }
}
