import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// What a scale and an alpha mean.
@Suite struct ScaleTests {
  private let tokens = TinyModel.tokens(20)

  @Test(arguments: TinyModel.floats + TinyModel.quantized + TinyModel.experts, DecoderRun.tables)
  func scaleZeroIsTheBase(_ model: TinyModel, _ table: KernelTable) throws {
    let run = try DecoderRun(model, table)
    let adapter = try run.adapter(alpha: 8).adapter()
    for zero in [Float(0), -0.0] { #expect(try run.bind([(adapter, zero)]) == nil) }
    // Beside another adapter it is as if it were not there.
    let other = try run.adapter(seed: 8).adapter()
    let alone = try #require(try run.bind([(other, 1)]))
    let both = try #require(try run.bind([(adapter, 0), (other, 1)]))
    #expect(both.id == alone.id)
    #expect(try run.logits(tokens, both) == run.logits(tokens, alone))
    #expect(try run.logits(tokens, alone) != run.logits(tokens))
  }

  @Test(arguments: TinyModel.floats + TinyModel.quantized + TinyModel.experts, DecoderRun.tables)
  func removedLeavesTheBase(_ model: TinyModel, _ table: KernelTable) throws {
    let run = try DecoderRun(model, table)
    let base = try run.logits(tokens)
    let set = try run.bind([(run.adapter().adapter(), 1)])
    // The same activations and pool, before, with and after the adapter; several rows at once and one at a time.
    let state = DecoderState(run.decoder, maximumTokens: tokens.count, maximumLogits: tokens.count)
    let before = try run.logits(tokens, in: state)
    let adapted = try run.logits(tokens, set, in: state)
    let after = try run.logits(tokens, in: state)
    #expect(before == base)
    #expect(adapted != base)
    #expect(after == base)
    #expect(try run.logits(tokens, set) == adapted)
  }

  @Test(arguments: DecoderRun.tables) func aScaleIsAFactorOfTheDelta(_ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    let adapter = try run.adapter(alpha: 6).adapter()
    let tolerance = Tolerance.floatWeights(table)
    func logits(_ scales: Float...) throws -> [[Float]] {
      try run.logits(tokens, run.bind(scales.map { (adapter, $0) }))
    }
    #expect(try difference(logits(0.5, 0.5), logits(1)) < tolerance)
    #expect(try difference(logits(1, 1), logits(2)) < tolerance)
    #expect(try difference(logits(1.5, -0.75), logits(0.75)) < tolerance)
    #expect(try difference(logits(1, -1), run.logits(tokens)) < tolerance)
    #expect(try difference(logits(-0.5), logits(0.5)) > 100 * tolerance)
  }

  /// The output is the one place after which nothing is nonlinear.
  @Test(arguments: DecoderRun.tables) func theOutputsDeltaIsLinearInTheScale(_ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    let adapter = try run.adapter(where: { $0.kind == .output }).adapter()
    let base = try run.logits(tokens).flatMap { $0 }
    let one = try run.logits(tokens, run.bind([(adapter, 1)])).flatMap { $0 }
    for scale: Float in [0.25, 0.5, 2, -1] {
      let found = try run.logits(tokens, run.bind([(adapter, scale)])).flatMap { $0 }
      let expected = zip(base, one).map { $0 + scale * ($1 - $0) }
      #expect(Logits.maxAbsDifference(found, expected) < 1e-4)
    }
    #expect(Logits.maxAbsDifference(base, one) > 0.1)
  }

  /// Effective scale = scale × alpha / rank, scale alone without an alpha: equal products give equal bits.
  @Test(arguments: DecoderRun.tables) func alphaIsDividedByTheRank(_ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    func logits(alpha: Float?, _ scale: Float) throws -> [[Float]] {
      try run.logits(tokens, run.bind([(run.adapter(alpha: alpha) { _ in 8 }.adapter(), scale)]))
    }
    let one = try logits(alpha: nil, 1)
    #expect(try logits(alpha: 8, 1) == one)
    #expect(try logits(alpha: 16, 0.5) == one)
    #expect(try logits(alpha: 2, 4) == one)
    #expect(try logits(alpha: 0, 1) == one)
    #expect(try logits(alpha: -8, -1) == one)
    #expect(try logits(alpha: -8, 1) == logits(alpha: nil, -1))
    #expect(try logits(alpha: 16, 1) == logits(alpha: nil, 2))
    #expect(try logits(alpha: 16, 1) != one)
  }

  @Test func everyPairHasARankOfItsOwn() throws {
    let run = try DecoderRun(.llama, .reference)
    let draft = run.adapter(alpha: 6) { $0 + 1 }
    let adapter = try draft.adapter()
    #expect(adapter.alpha == 6)
    #expect(adapter.ranks == 1...run.decoder.adaptable.count)
    for (index, pair) in adapter.pairs.enumerated() {
      #expect(pair.rank == index + 1)
      #expect(pair.effectiveScale(0.5) == 3 / Float(index + 1))
    }
    #expect(try run.adapter(alpha: 0).adapter().alpha == nil)
    #expect(try run.adapter().adapter().alpha == nil)
    #expect(try run.adapter(alpha: -3).adapter().alpha == -3)
  }

  /// Equal content is equal, whatever the file is called; one changed bit, name or alpha is not.
  @Test func contentIsToldApartByItsHash() throws {
    let run = try DecoderRun(.llama, .reference)
    let draft = run.adapter(alpha: 8)
    let hash = try draft.adapter("one").contentHash
    #expect(try draft.adapter("two").contentHash == hash)
    var changed = draft
    changed.tensors[5].bytes[0] ^= 1
    #expect(try changed.adapter().contentHash != hash)
    changed = draft
    changed["adapter.lora.alpha"] = .float32(8.5)
    #expect(try changed.adapter().contentHash != hash)
    changed = draft
    changed.tensors.removeLast(2)
    #expect(try changed.adapter().contentHash != hash)
    let set = try #require(try run.bind([(draft.adapter("one"), 1)]))
    #expect(try run.bind([(draft.adapter("two"), 1)])?.id == set.id)
    #expect(try run.bind([(draft.adapter("one"), 0.5)])?.id != set.id)
    #expect(try run.bind([(changed.adapter(), 1)])?.id != set.id)
  }
}

extension DecoderRun {
  /// As `logits`, all at once, with activations that were used before.
  func logits(_ tokens: [Int], _ adapters: AdapterSet? = nil, in state: DecoderState) throws -> [[Float]] {
    var batch = Batch()
    try batch.append(
      tokens.map { Int32($0) }, to: decoder.makeSequence(capacity: tokens.count), adapters: adapters,
      logits: .all)
    try decoder.forward(batch, state)
    return tokens.indices.map { state.logits.values(row: $0) }
  }
}
