import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// An adapter at run time is the same as one merged into float32 weights.
@Suite struct MergedWeightsTests {
  private static let tokens = TinyModel.tokens(19)

  private func check(
    _ run: DecoderRun, _ model: GGUFDraft, _ adapters: [(draft: GGUFDraft, scale: Float)],
    _ tolerance: Double,
    least: Double = 0.1
  ) throws {
    let set = try run.bind(adapters.map { (try $0.draft.adapter(), $0.scale) })
    let expected = try DecoderRun(model.merged(adapters).file(), run.decoder.compute.table).logits(
      Self.tokens)
    let base = try run.logits(Self.tokens)
    #expect(difference(base, expected) > least)
    // Many rows at once and one at a time take different ways through the kernels.
    for batch in [nil, 1] {
      let found = try run.logits(Self.tokens, set, batch: batch)
      #expect(difference(found, expected) < tolerance, "batch \(batch.map(String.init) ?? "all")")
    }
  }

  @Test(arguments: TinyModel.floats + TinyModel.experts, DecoderRun.tables) func ofFloatModels(
    _ model: TinyModel, _ table: KernelTable
  ) throws {
    let run = try DecoderRun(model, table)
    let tolerance = Tolerance.floatWeights(table)
    let one = run.adapter(alpha: 6) { 1 + $0 % 5 }
    let two = run.adapter(seed: 8) { 9 - $0 % 4 }
    let draft = try model.draft()
    try check(run, draft, [(one, 1)], tolerance)
    try check(run, draft, [(one, -0.6)], tolerance)
    try check(run, draft, [(one, 0.8), (two, 0.5)], tolerance)
    try check(run, draft, [(two, 0.7), (two, 0.2), (one, -0.4)], tolerance)
  }

  /// Only exact arithmetic over the quantized weights can equal merged ones.
  @Test(arguments: TinyModel.quantized + TinyModel.quantizedExperts, [KernelTable.reference, .portable])
  func ofQuantizedModels(_ model: TinyModel, _ table: KernelTable) throws {
    let run = try DecoderRun(model, table)
    // One layer whose logits spread over about ±15.
    let tolerance = table.name == "reference" ? 1e-3 : Tolerance.halves
    try check(
      run, try model.draft(), [(run.adapter(alpha: 8) { 1 + $0 % 5 }, 1), (run.adapter(seed: 8), -0.5)],
      tolerance)
  }

  /// Every site by itself, so that none can hide behind the others: its delta changes the logits, and as it should.
  @Test(arguments: TinyModel.floats, DecoderRun.tables) func ofEverySite(
    _ model: TinyModel, _ table: KernelTable
  ) throws {
    let run = try DecoderRun(model, table)
    let sites = run.decoder.adaptable
    let layers = run.decoder.hyperparameters.layerCount
    // phi3 has q, k and v in one matrix, gate and up in another.
    #expect(sites.count == (run.decoder.hyperparameters.architecture == "phi3" ? 4 : 7) * layers + 2)
    #expect(Set(sites.map(\.tensor)).count == sites.count)
    let draft = try model.draft()
    for site in sites {
      let adapter = run.adapter(rank: { _ in 8 }, where: { $0 == site })
      #expect(adapter.tensors.count == 2)
      try check(run, draft, [(adapter, 1)], Tolerance.floatWeights(table), least: 0.02)
    }
  }

  /// Ranks on either side of the kernels' block sizes, to the largest that is allowed.
  @Test(arguments: [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 128], DecoderRun.tables)
  func ofAnyRank(_ rank: Int, _ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    try check(
      run, try TinyModel.llama.draft(), [(run.adapter { _ in rank }, 1)], Tolerance.floatWeights(table))
  }

  /// The fixtures' adapters, made and permuted by a converter.
  @Test(arguments: ["lora", "lora2", "qv", "bf16", "rslora", "pattern", "lmhead_lora", "embed", "layers"])
  func ofTheFixtures(_ name: String) throws {
    let run = try DecoderRun(.llama, .reference)
    let adapter = try GGUFDraft(path: Fixtures.path("llama/adapters/\(name)/adapter.gguf"))
    try check(run, try TinyModel.llama.draft(), [(adapter, 0.7)], Tolerance.floats, least: 0.01)
  }
}
