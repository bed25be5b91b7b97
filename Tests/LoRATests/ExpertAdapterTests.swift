import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// Adapters of mixtures of experts: stacks, single experts, and the router.
@Suite struct ExpertAdapterTests {
  private static let tokens = TinyModel.tokens(19)
  private static let stacks = ["ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"]

  @Test(arguments: TinyModel.experts) func everyExpertIsASite(_ model: TinyModel) throws {
    let decoder = try DecoderRun(model, .reference).decoder
    let experts = try #require(decoder.hyperparameters.experts)
    #expect((experts.count, experts.used) == (4, 2))
    for layer in 0..<3 {
      for name in Self.stacks.map({ "blk.\(layer).\($0).weight" }) {
        let sites = try #require(decoder.weights.sites(named: name))
        #expect(sites.count == 4)
        #expect(decoder.site(named: name) == nil)
        #expect(decoder.site(named: name, expert: 4) == nil && decoder.site(named: name, expert: -1) == nil)
        for expert in 0..<4 {
          let index = try #require(decoder.site(named: name, expert: expert))
          #expect(index == sites.lowerBound + expert)
          let site = decoder.weights.sites[index]
          #expect(site.tensor == name && site.expert == expert)
          let isDown = name.contains("down")
          let inner = experts.feedForwardLength
          #expect(site.dimensions == (isDown ? [inner, 64] : [64, inner]))
        }
      }
      let router = "blk.\(layer).ffn_gate_inp.weight"
      #expect(decoder.site(named: router) != nil && decoder.site(named: router, expert: 0) == nil)
    }
    // q, k, v, o, router and three stacks in each of 3 layers, embedding and output.
    #expect(Set(decoder.adaptable.map(\.tensor)).count == 8 * 3 + 2)
  }

  /// Every tensor by itself: its delta changes the logits, and as merging it would.
  @Test(arguments: TinyModel.experts, DecoderRun.tables) func everyTensorAsMerged(
    _ model: TinyModel, _ table: KernelTable
  ) throws {
    let run = try DecoderRun(model, table)
    let draft = try model.draft()
    let base = try run.logits(Self.tokens)
    for tensor in Set(run.decoder.adaptable.map(\.tensor)).sorted() {
      let adapter = run.adapter(rank: { _ in 8 }, where: { $0.tensor == tensor })
      #expect(adapter.tensors.count == 2)
      let merged = try DecoderRun(draft.merged([(adapter, 1)]).file(), table).logits(Self.tokens)
      #expect(difference(base, merged) > 0.02, "\(tensor)")
      let set = try run.bind([(adapter.adapter(), 1)])
      for batch in [nil, 1] {
        let found = try run.logits(Self.tokens, set, batch: batch)
        #expect(difference(found, merged) < Tolerance.floatWeights(table), "\(tensor)")
      }
    }
  }

  /// Pairs for single experts, as a PEFT folder has them, are the stack that they make; each changes the logits.
  @Test(arguments: TinyModel.experts, DecoderRun.tables) func singleExperts(
    _ model: TinyModel, _ table: KernelTable
  ) throws {
    let run = try DecoderRun(model, table)
    let stack = try run.adapter(alpha: 8, where: { $0.expert != nil }).adapter()
    #expect(stack.pairs.count == 9 && stack.pairs.allSatisfy { $0.part == .stack(experts: 4) })
    let singles = stack.pairs.flatMap(\.experts)
    #expect(singles.count == 36)
    func adapter(_ pairs: [LowRankPair]) throws -> LoRA.Adapter {
      try LoRA.Adapter(
        path: "memory", name: "memory", naming: stack.naming, alpha: 8, changes: pairs.map { .lowRank($0) })
    }
    let whole = try run.logits(Self.tokens, run.bind([(stack, 0.7)]))
    #expect(try run.logits(Self.tokens, run.bind([(adapter(singles), 0.7)])) == whole)
    // In any order, and spread over as many adapters as there are pairs.
    #expect(try run.logits(Self.tokens, run.bind([(adapter(singles.reversed()), 0.7)])) == whole)
    let many = try singles.map { (try adapter([$0]), Float(0.7)) }
    #expect(try run.logits(Self.tokens, run.bind(many)) == whole)
    let base = try run.logits(Self.tokens)
    for pair in singles {
      let found = try run.logits(Self.tokens, run.bind([(adapter([pair]), 1)]))
      #expect(difference(found, base) > 0.01, "\(pair.tensor) \(pair.part)")
    }
  }

  /// A stack, and single pairs for some of the same experts, add up.
  @Test(arguments: DecoderRun.tables) func stackedAdapters(_ table: KernelTable) throws {
    for model in TinyModel.experts {
      let run = try DecoderRun(model, table)
      let one = run.adapter(alpha: 6) { 1 + $0 % 5 }
      let two = run.adapter(seed: 8, where: { $0.expert != nil || $0.tensor.contains("ffn_gate_inp") })
      let set = try run.bind([(one.adapter(), 0.8), (two.adapter(), -0.5)])
      let merged = try model.draft().merged([(one, 0.8), (two, -0.5)]).file()
      let expected = try DecoderRun(merged, table).logits(Self.tokens)
      #expect(
        try difference(run.logits(Self.tokens, set), expected) < Tolerance.floatWeights(table), "\(model)")
    }
  }

  // MARK: Replaced matrices

  /// `modules_to_save` of experts in both of PEFT's layouts, and the tensors of the model that they stand for, which have the
  /// rows of all experts under each other.
  private static func replaced(_ run: DecoderRun, isFused: Bool) -> (
    draft: PEFTDraft, tensors: [String: [Float]]
  ) {
    var draft = PEFTDraft()
    let inner = run.decoder.hyperparameters.experts?.feedForwardLength ?? 0
    var random = SplitMix64(seed: 21)
    func values(_ count: Int) -> [Float] { random.normals(count, deviation: 0.15) }
    let gates = (0..<4).map { _ in values(inner * 64) }, ups = (0..<4).map { _ in values(inner * 64) }
    let downs = (0..<4).map { _ in values(64 * inner) }
    let prefix = "model.layers.1.mlp.experts."
    if isFused {
      draft["modules_to_save"] = "[\"experts\"]"
      draft.put(prefix + "gate_up_proj", [4, 2 * inner, 64], zip(gates, ups).flatMap { $0 + $1 })
      draft.put(prefix + "down_proj", [4, 64, inner], downs.flatMap { $0 })
    } else {
      draft["modules_to_save"] = "[\"gate_proj\", \"up_proj\", \"down_proj\"]"
      for expert in 0..<4 {
        draft.put("\(prefix)\(expert).gate_proj.weight", [inner, 64], gates[expert])
        draft.put("\(prefix)\(expert).up_proj.weight", [inner, 64], ups[expert])
        draft.put("\(prefix)\(expert).down_proj.weight", [64, inner], downs[expert])
      }
    }
    return (
      draft,
      [
        "blk.1.ffn_gate_exps.weight": gates.flatMap { $0 }, "blk.1.ffn_up_exps.weight": ups.flatMap { $0 },
        "blk.1.ffn_down_exps.weight": downs.flatMap { $0 },
      ]
    )
  }

  @Test(arguments: TinyModel.experts, [true, false]) func replacedExperts(_ model: TinyModel, _ isFused: Bool)
    throws
  {
    for table in DecoderRun.tables {
      let run = try DecoderRun(model, table)
      let (draft, tensors) = Self.replaced(run, isFused: isFused)
      var other = try model.draft()
      for (name, values) in tensors {
        let index = try #require(other.index(of: name))
        other.tensors[index] = .init(name, other.tensors[index].dimensions, values)
      }
      let expected = try DecoderRun(other.file(), table).logits(Self.tokens)
      #expect(difference(expected, try run.logits(Self.tokens)) > 0.1)
      let adapter = try draft.adapter()
      for scale: Float in [1, 0.3] {
        let set = try run.bind([(adapter, scale)])
        for batch in [nil, 1] {
          let found = try run.logits(Self.tokens, set, batch: batch)
          #expect(difference(found, expected) < Tolerance.floatWeights(table), "\(table.name)")
        }
      }
      if table.name != KernelTable.reference.name { continue }
      let converted = try AdapterConversionTests.convert(adapter, ConversionTarget(run.decoder))
      #expect(
        try difference(run.logits(Self.tokens, run.bind([(converted, 1)])), expected) < Tolerance.floats)
      let merge = try ModelMerge(run.decoder, [.init(adapter, scale: 1)], types: .keep)
      let merged = try DecoderRun(GGUFFile(bytes: merge.serialized(), name: "merged"))
      #expect(try difference(merged.logits(Self.tokens), expected) < Tolerance.floats)
    }
  }

  /// One expert's matrix alone, and factors for another beside it.
  @Test func oneReplacedExpert() throws {
    let run = try DecoderRun(.experts[0], .reference)
    var draft = PEFTDraft()
    let inner = run.decoder.hyperparameters.experts?.feedForwardLength ?? 0
    draft.put("model.layers.0.block_sparse_moe.experts.2.w1.weight", [inner, 64])
    let adapter = try draft.adapter()
    var other = try TinyModel.experts[0].draft()
    let index = try #require(other.index(of: "blk.0.ffn_gate_exps.weight"))
    var values = other.tensors[index].values
    values.replaceSubrange(
      2 * inner * 64..<3 * inner * 64, with: draft.weights.tensors.first?.floats ?? [])
    other.tensors[index] = .init("blk.0.ffn_gate_exps.weight", [64, inner, 4], values)
    let expected = try DecoderRun(other.file()).logits(Self.tokens)
    #expect(try difference(run.logits(Self.tokens, run.bind([(adapter, 1)])), expected) < Tolerance.floats)
    let converted = try AdapterConversionTests.convert(adapter, ConversionTarget(run.decoder))
    #expect(converted.contentHash != adapter.contentHash)
    #expect(try difference(run.logits(Self.tokens, run.bind([(converted, 1)])), expected) < Tolerance.floats)
    // Two that replace the same expert are in conflict, two experts are not.
    var same = PEFTDraft(), next = PEFTDraft()
    same.put("model.layers.0.block_sparse_moe.experts.2.w1.weight", [inner, 64], seed: 5)
    next.put("model.layers.0.block_sparse_moe.experts.1.w1.weight", [inner, 64], seed: 5)
    #expect(throws: Never.self) { try run.bind([(adapter, 1), (next.adapter(), 1)]) }
    #expect {
      try run.bind([(adapter, 1), (same.adapter(), 1)])
    } throws: { error in
      if case AdapterError.conflict = error { true } else { false }
    }
  }

  @Test func replacedExpertsOfAnotherModel() throws {
    let run = try DecoderRun(.experts[0], .reference)
    let inner = run.decoder.hyperparameters.experts?.feedForwardLength ?? 0
    func problem(_ name: String, _ shape: [Int]) throws -> AdapterError? {
      var draft = PEFTDraft()
      draft.put("model.layers.0." + name, shape)
      return AdapterBinding.problems(try draft.adapter(), run.decoder).first
    }
    #expect(try problem("mlp.experts.down_proj", [4, 64, inner]) == nil)
    for (name, shape) in [
      ("mlp.experts.down_proj", [5, 64, inner]), ("mlp.experts.down_proj", [3, 64, inner]),
      ("mlp.experts.4.down_proj.weight", [64, inner]),
    ] {
      guard case .unsupportedTarget? = try problem(name, shape) else {
        Issue.record("\(name) \(shape) was taken")
        continue
      }
    }
    for (name, shape) in [
      ("mlp.experts.down_proj", [4, 63, inner]), ("mlp.experts.gate_up_proj", [4, inner, 64]),
      ("block_sparse_moe.experts.1.w3.weight", [64, inner]),
    ] {
      guard case .shapeMismatch? = try problem(name, shape) else {
        Issue.record("\(name) \(shape) was taken")
        continue
      }
    }
    #expect(throws: AdapterError.self) { try problem("mlp.experts.gate_up_proj", [4, 3, 64]) }
    #expect(throws: AdapterError.self) { try problem("mlp.experts.down_proj", [0, 64, inner]) }
  }

  // MARK: What does not fit

  private static let name = "bad.gguf"

  private func expectProblem(
    _ error: AdapterError, _ target: String, a: [Int], b: [Int],
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    let run = try DecoderRun(.experts[0], .reference)
    var draft = run.adapter { _ in 1 }
    draft.tensors = []
    HostileAdapterTests.pair(&draft, target, a: a, b: b)
    let adapter = try draft.adapter(Self.name)
    #expect(AdapterBinding.problems(adapter, run.decoder) == [error], sourceLocation: location)
    #expect(throws: error, sourceLocation: location) { try run.bind([(adapter, 1)]) }
  }

  private static func mismatch(_ tensor: String, _ expected: [Int], _ found: [Int]) -> AdapterError {
    .shapeMismatch(adapter: name, tensor: tensor, expected: expected, found: found)
  }

  @Test func stacksOfAnotherShape() throws {
    let gate = "blk.0.ffn_gate_exps.weight"
    // Another number of experts, and no stack at all.
    for count in [1, 3, 5, 8] {
      try expectProblem(
        Self.mismatch(gate + ".lora_a", [64, 2, 4], [64, 2, count]), gate, a: [64, 2, count],
        b: [2, 128, count])
    }
    try expectProblem(
      Self.mismatch(gate + ".lora_a", [64, 2, 4], [64, 2]), gate, a: [64, 2], b: [2, 128])
    // As many values, cut otherwise.
    try expectProblem(
      Self.mismatch(gate + ".lora_a", [64, 2, 4], [128, 2, 4]), gate, a: [128, 2, 4], b: [2, 128, 4])
    try expectProblem(
      Self.mismatch(gate + ".lora_b", [2, 128, 4], [2, 64, 4]), gate, a: [64, 2, 4], b: [2, 64, 4])
    try expectProblem(
      Self.mismatch(gate + ".lora_b", [2, 128, 4], [2, 129, 4]), gate, a: [64, 2, 4], b: [2, 129, 4])
    let down = "blk.2.ffn_down_exps.weight"
    try expectProblem(
      Self.mismatch(down + ".lora_a", [128, 2, 4], [64, 2, 4]), down, a: [64, 2, 4], b: [2, 128, 4])
    try expectProblem(
      .rankTooLarge(adapter: Self.name, tensor: down, limit: 128, found: 129), down, a: [128, 129, 4],
      b: [129, 64, 4])
  }

  @Test func stacksForWhatIsNone() throws {
    try expectProblem(
      Self.mismatch("blk.0.ffn_gate_inp.weight.lora_a", [64, 2], [64, 2, 4]), "blk.0.ffn_gate_inp.weight",
      a: [64, 2, 4], b: [2, 4, 4])
    try expectProblem(
      .unknownTarget(adapter: Self.name, tensor: "blk.0.ffn_gate.weight"), "blk.0.ffn_gate.weight",
      a: [64, 2], b: [2, 128])
    // A dense model has no stacks.
    let dense = try DecoderRun(.llama, .reference)
    let adapter = try DecoderRun(.experts[0], .reference).adapter(where: { $0.expert != nil }).adapter()
    #expect(
      AdapterBinding.problems(adapter, dense.decoder)
        == adapter.pairs.map { .unknownTarget(adapter: "memory", tensor: $0.tensor) })
  }

  @Test func expertsThatTheModelLacks() throws {
    let run = try DecoderRun(.experts[0], .reference)
    let stack = try run.adapter(where: { $0.tensor == "blk.1.ffn_up_exps.weight" }).adapter()
    let pair = stack.pairs[0].experts[0]
    let targets = [
      ("blk.1.ffn_up_exps.weight", 4, 4), ("blk.1.ffn_up_exps.weight", -1, 4),
      ("blk.1.ffn_up_exps.weight", Int.max, 4), ("blk.1.attn_q.weight", 0, 0), ("token_embd.weight", 0, 0),
      ("output.weight", 3, 0), ("blk.1.ffn_gate_inp.weight", 1, 0),
    ]
    for (tensor, expert, count) in targets {
      let changed = LowRankPair(tensor: tensor, a: pair.a, b: pair.b, part: .expert(expert))
      let adapter = try LoRA.Adapter(
        path: Self.name, name: "bad", naming: .gguf(architecture: "llama"), alpha: nil,
        changes: [.lowRank(changed)])
      let error = AdapterError.unsupportedTarget(
        adapter: Self.name, tensor: tensor,
        reason: "it is for expert \(expert), but the model has \(count) there, numbered from 0")
      #expect(AdapterBinding.problems(adapter, run.decoder) == [error])
      #expect(throws: error) { try run.bind([(adapter, 1)]) }
    }
  }
}
