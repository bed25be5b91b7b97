import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// One model's weights, and one adapter's factors, in other formats.
@Suite struct WeightFormatTests {
  private static let tokens = TinyModel.tokens(24)

  private static let weightFormats: [TensorType] = [.f32, .f16, .bf16, .q8_0, .q4_0, .q4_1, .q5_0, .q5_1]
  /// The rms error of many rows where the fast kernels read activations in 8 bits: measured 0.06 to 0.11 of logits that
  /// spread over ±8. Single rows have 16 bits, as has Q8_0 on x86-64-v3, float weights no rounding: there the keys' and values' half
  /// precision is all that shows, at most 0.025.
  private static let eightBits = 0.15
  private static let sixteenBits = 0.04
  /// The rms error that factors in 8 bits add to that, where the fast kernels multiply integers: measured 0.02 to 0.05 of
  /// logits that the adapter moves by 0.5 and more.
  private static let packedFactors = 0.06

  @Test(arguments: weightFormats, [TinyModel.llama, .tied])
  func fastIsNearReference(_ type: TensorType, _ model: TinyModel) throws {
    let draft = try model.draft().converted(to: type)
    let file = try draft.file()
    #expect(file.tensor("blk.0.ffn_up.weight")?.type == type)
    let reference = try DecoderRun(file, .reference)
    let adapter = try reference.adapter(alpha: 8).adapter()
    let base = try reference.logits(Self.tokens)
    let adapted = try reference.logits(Self.tokens, reference.bind([(adapter, 1)]))
    #expect(difference(base, adapted) > 0.5)
    for table in DecoderRun.tables {
      let run = try DecoderRun(file, table)
      let set = try run.bind([(adapter, 1)])
      let reads8 =
        switch table.name {
        case "reference", "portable": false
        case "x86-64-v3": ![.f32, .f16, .bf16, .q8_0].contains(type)
        default: ![.f32, .f16, .bf16].contains(type)
        }
      let packs = table.name.hasPrefix("x86") && ![.f32, .f16, .bf16].contains(type)
      for batch in [nil, 1] {
        for (found, expected, isAdapted) in try [
          (run.logits(Self.tokens, batch: batch), base, false),
          (run.logits(Self.tokens, set, batch: batch), adapted, true),
        ] {
          let rms = Logits.rmsDifference(found.flatMap { $0 }, expected.flatMap { $0 })
          if reads8 && batch == nil {
            #expect(rms < Self.eightBits)
          } else if packs && isAdapted {
            #expect(rms < Self.packedFactors)
          } else {
            #expect(difference(found, expected) < Self.sixteenBits)
          }
        }
      }
    }
  }

  /// How far an adapter moves the logits when its factors are rounded to a format: 11, 8, about 7 bits.
  private static let factorFormats: [(TensorType, Double)] = [
    (.f32, 0), (.f16, 0.02), (.bf16, 0.15), (.q8_0, 0.4),
  ]

  @Test(arguments: factorFormats, DecoderRun.tables)
  func factorsMayHaveAnyOfFourFormats(_ format: (type: TensorType, rounding: Double), _ table: KernelTable)
    throws
  {
    for model in [TinyModel.llama, .tied] {
      let run = try DecoderRun(model, table)
      let exact = run.adapter(alpha: 32) { _ in 32 }
      let converted = exact.converted(to: format.type)
      // What the factors say, in float32: only the arithmetic differs.
      let widened = converted.converted(to: .f32)
      let set = try run.bind([(converted.adapter(), 1)])
      let same = try run.bind([(widened.adapter(), 1)])
      let original = try run.logits(Self.tokens, run.bind([(exact.adapter(), 1)]))
      let base = try run.logits(Self.tokens)
      for batch in [nil, 1] {
        let found = try run.logits(Self.tokens, set, batch: batch)
        #expect(difference(found, base) > 1)
        #expect(
          try difference(found, run.logits(Self.tokens, same, batch: batch)) < Tolerance.floatWeights(table))
        #expect(difference(found, original) < format.rounding + Tolerance.floatWeights(table))
      }
    }
  }

  @Test(arguments: [TensorType.f32, .f16, .bf16], DecoderRun.tables)
  func theFixturesAdapterMayHaveOtherFormats(_ type: TensorType, _ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    let draft = try GGUFDraft(path: Fixtures.path("llama/adapters/lora/adapter.gguf"))
    let found = try run.logits(Self.tokens, run.bind([(draft.converted(to: type).adapter(), 1)]))
    let expected = try run.logits(Self.tokens, run.bind([(draft.adapter(), 1)]))
    #expect(difference(found, expected) < 0.15)
    #expect(try difference(found, run.logits(Self.tokens)) > 0.2)
  }

  /// The two halves of a pair may differ.
  @Test(arguments: DecoderRun.tables) func formatsMayBeMixed(_ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    var draft = run.adapter { _ in 32 }
    let types: [TensorType] = [.q8_0, .f16, .bf16, .f32, .f32, .q8_0, .f16]
    for index in draft.tensors.indices {
      draft.tensors[index] = draft.tensors[index].converted(to: types[index % types.count])
    }
    let widened = draft.converted(to: .f32)
    let expected = try run.logits(Self.tokens, run.bind([(widened.adapter(), 1)]))
    let found = try run.logits(Self.tokens, run.bind([(draft.adapter(), 1)]))
    #expect(difference(found, expected) < Tolerance.floatWeights(table))
  }
}
