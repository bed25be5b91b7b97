import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// How the tokens are cut into forward passes does not matter.
@Suite struct BatchSizeTests {
  private let tokens = TinyModel.tokens(37)
  private let sizes = [1, 2, 3, 7, 16]

  private func check(_ run: DecoderRun, _ set: AdapterSet?, rms tolerance: Double, maxAbs limit: Double)
    throws
  {
    let expected = try run.logits(tokens, set)
    for size in sizes {
      let found = try run.logits(tokens, set, batch: size)
      #expect(difference(found, expected) < limit, "\(size) tokens a pass")
      let rms = Logits.rmsDifference(found.flatMap { $0 }, expected.flatMap { $0 })
      #expect(rms < tolerance, "\(size) tokens a pass")
    }
  }

  @Test(arguments: TinyModel.floats + TinyModel.experts, DecoderRun.tables) func ofFloatModels(
    _ model: TinyModel, _ table: KernelTable
  ) throws {
    let run = try DecoderRun(model, table)
    let tolerance = Tolerance.floatWeights(table)
    try check(run, nil, rms: tolerance, maxAbs: tolerance)
    try check(run, run.bind([(run.adapter(alpha: 4).adapter(), 1)]), rms: tolerance, maxAbs: tolerance)
  }

  /// The fast kernels read activations in 8 bits where there are many rows, in 16 where there is one.
  static let activationRounding = 0.2
  static let activationRoundingAtMost = 1.0

  @Test(arguments: TinyModel.quantized, DecoderRun.tables)
  func ofQuantizedModels(_ model: TinyModel, _ table: KernelTable) throws {
    let run = try DecoderRun(model, table)
    let rounds = !["reference", "portable"].contains(table.name)
    let tolerance = rounds ? Self.activationRounding : table.name == "reference" ? 1e-3 : Tolerance.halves
    let limit = rounds ? Self.activationRoundingAtMost : tolerance
    try check(run, nil, rms: tolerance, maxAbs: limit)
    try check(run, run.bind([(run.adapter(alpha: 4).adapter(), 1)]), rms: tolerance, maxAbs: limit)
  }

  /// Experts take the rows of a batch in passes of as many as there is room for; where they are cut changes no bit.
  @Test(arguments: TinyModel.experts + TinyModel.quantizedExperts, DecoderRun.tables)
  func theRoomForABatchDoesNotMatter(_ model: TinyModel, _ table: KernelTable) throws {
    let run = try DecoderRun(model, table)
    let tokens = TinyModel.tokens(90, seed: 3)
    for set in [nil, try run.bind([(run.adapter(alpha: 4).adapter(), 1)])] {
      let expected = try run.logits(tokens, set)
      for room in [91, 128, 400] {
        let state = DecoderState(run.decoder, maximumTokens: room, maximumLogits: 90)
        #expect(try run.logits(tokens, set, in: state) == expected, "room for \(room) tokens")
      }
    }
  }

  /// Wanting fewer rows of logits gives the same ones.
  @Test(arguments: DecoderRun.tables) func theLastRowIsTheLastOfAll(_ table: KernelTable) throws {
    for model in [TinyModel.llama, .tied] {
      let run = try DecoderRun(model, table)
      let set = try run.bind([(run.adapter().adapter(), 1)])
      let last = try run.lastLogits(tokens, set)
      let all = try run.logits(tokens, set)
      #expect(Logits.maxAbsDifference(last, all[36]) < Tolerance.floats)
    }
  }
}
