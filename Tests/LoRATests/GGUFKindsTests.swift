import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// What GGUF adapters hold beside pairs of float factors: norms of extracted adapters, packed factors of any rank.
@Suite struct GGUFKindsTests {
  private static let tokens = TinyModel.tokens(15)

  /// A model of architecture `qwen3`, with norms over each head's query and key, made of the tiny `qwen2`.
  private static func qwen3() throws -> GGUFDraft {
    var draft = try GGUFDraft(path: TinyModel.qwen2.path)
    draft.metadata = draft.metadata.map { key, value in
      (key.hasPrefix("qwen2.") ? "qwen3." + key.dropFirst(6) : key, value)
    }
    draft["general.architecture"] = .string("qwen3")
    var random = SplitMix64(seed: 5)
    let size = try DecoderRun(TinyModel.qwen2, .reference).decoder.hyperparameters.headSize
    for layer in 0..<3 {
      for norm in ["attn_q_norm", "attn_k_norm"] {
        draft.put(GGUFDraft.Tensor("blk.\(layer).\(norm).weight", [size], random.normals(size, deviation: 1)))
      }
    }
    return draft
  }

  private static func norms(_ decoder: Decoder) -> [GGUFDraft.Tensor] {
    var random = SplitMix64(seed: 11)
    return decoder.weights.sites.filter { $0.kind == .norm }.map { site in
      GGUFDraft.Tensor(site.tensor, site.dimensions, random.normals(site.inputs, deviation: 1))
    }
  }

  private static func adapter(_ base: GGUFDraft, _ tensors: [GGUFDraft.Tensor]) -> GGUFDraft {
    var draft = base
    for tensor in tensors { draft.put(tensor) }
    return draft
  }

  /// Every norm of a model, also those of queries and keys: replaced, whatever the scale.
  @Test(arguments: DecoderRun.tables) func normsReplaceTheModels(_ table: KernelTable) throws {
    for base in [try TinyModel.llama.draft(), try Self.qwen3()] {
      let run = try DecoderRun(base.file(), table)
      let norms = Self.norms(run.decoder)
      #expect(norms.count == (run.decoder.hyperparameters.architecture == "qwen3" ? 13 : 7))
      let empty = GGUFDraft.adapter([], architecture: run.decoder.hyperparameters.architecture)
      let adapter = try Self.adapter(empty, norms).adapter()
      let expected = try DecoderRun(Self.adapter(base, norms).file(), table).logits(Self.tokens)
      for scale: Float in [1, 0.5, -1] {
        let set = try run.bind([(adapter, scale)])
        #expect(try difference(run.logits(Self.tokens, set), expected) < Tolerance.floatWeights(table))
        let single = try run.logits(Self.tokens, set, batch: 1)
        #expect(difference(single, expected) < Tolerance.floatWeights(table))
      }
      #expect(try run.bind([(adapter, 0)]) == nil)
      // Each one by itself is noticed.
      let before = try run.logits(Self.tokens)
      for norm in norms {
        let set = try run.bind([(Self.adapter(empty, [norm]).adapter(), 1)])
        #expect(try difference(run.logits(Self.tokens, set), before) > 0.01, "\(norm.name)")
      }
    }
  }

  @Test func normsOfAnotherModel() throws {
    let run = try DecoderRun(.llama, .reference)
    let empty = GGUFDraft.adapter([])
    func problem(_ name: String, _ count: Int) throws -> AdapterError? {
      let tensor = GGUFDraft.Tensor(name, [count], .init(repeating: 1, count: count))
      return try AdapterBinding.problems(Self.adapter(empty, [tensor]).adapter(), run.decoder).first
    }
    #expect(try problem("output_norm.weight", 64) == nil)
    #expect(
      try problem("output_norm.weight", 63)
        == .shapeMismatch(adapter: "memory", tensor: "output_norm.weight", expected: [64], found: [63]))
    #expect(
      try problem("blk.3.attn_norm.weight", 64)
        == .unknownTarget(adapter: "memory", tensor: "blk.3.attn_norm.weight"))
  }

  /// Packed in blocks of 32 along the inputs, A may have any rank; B, along the rank, only multiples of 32.
  @Test(arguments: [1, 3, 5, 17, 31], DecoderRun.tables)
  func packedFactorsOfOddRanks(_ rank: Int, _ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    var draft = run.adapter(alpha: 4, rank: { _ in rank }, where: { $0.kind != .embedding })
    draft = draft.converted(to: .q8_0) { $0.name.hasSuffix(".lora_a") }
    draft = draft.converted(to: .f16) { $0.name.hasSuffix(".lora_b") }
    let expected = try DecoderRun(TinyModel.llama.draft().merged([(draft, 0.7)]).file(), table).logits(
      Self.tokens)
    let set = try run.bind([(draft.adapter(), 0.7)])
    // The fast kernels round what they multiply packed factors with to 8 bits.
    let isExact = table.name == KernelTable.reference.name
    let found = try run.logits(Self.tokens, set)
    #expect(difference(found, expected) < (isExact ? 1e-3 : BatchSizeTests.activationRoundingAtMost))
    let single = try run.logits(Self.tokens, set, batch: 1)
    #expect(difference(single, expected) < (isExact ? 1e-3 : BatchSizeTests.activationRoundingAtMost))
    #expect(try difference(expected, run.logits(Self.tokens)) > 0.5)
  }
}
