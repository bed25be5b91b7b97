import Kernels
import LoRA
import Testing
import Transformer

/// Several adapters at once. That they are the sum of their deltas is in `MergedWeightsTests`.
@Suite struct StackingTests {
  private let tokens = TinyModel.tokens(17)

  @Test(arguments: [TinyModel.llama, .tied] + TinyModel.quantized, DecoderRun.tables)
  func theOrderDoesNotMatter(_ model: TinyModel, _ table: KernelTable) throws {
    let run = try DecoderRun(model, table)
    let adapters = try [
      (run.adapter(alpha: 8).adapter(), Float(0.8)), (run.adapter(seed: 8) { 3 + $0 % 3 }.adapter(), -0.5),
      (run.adapter(seed: 9, where: { $0.kind == .embedding }).adapter(), 1.5),
      (run.adapter(alpha: 8).adapter(), 0.25),
    ]
    let set = try #require(try run.bind(adapters))
    let expected = try run.logits(tokens, set)
    let decoded = try run.logits(tokens, set, batch: 1)
    for order in [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
      let other = try #require(try run.bind(order.map { adapters[$0] }))
      #expect(other.id == set.id)
      #expect(try run.logits(tokens, other) == expected)
      #expect(try run.logits(tokens, other, batch: 1) == decoded)
    }
  }

  /// An adapter of some sites beside one of others: each acts where it is.
  @Test(arguments: DecoderRun.tables) func theyNeedNotShareSites(_ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    let isAttention = { (site: Site) in site.tensor.contains("attn") }
    let whole = run.adapter()
    var parts = [whole, whole]
    parts[0].tensors.removeAll { !$0.name.contains("attn") }
    parts[1].tensors.removeAll { $0.name.contains("attn") }
    #expect(parts[0].tensors.count == 2 * run.decoder.adaptable.filter(isAttention).count)
    let expected = try run.logits(tokens, run.bind([(whole.adapter(), 1)]))
    let found = try run.logits(tokens, run.bind(parts.map { (try $0.adapter(), 1) }))
    // One segment at each site either way.
    #expect(found == expected)
  }
}
