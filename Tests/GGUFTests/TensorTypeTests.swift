import GGUF
import Testing

struct TensorTypeTests {
  @Test(arguments: [
    (TensorType.f32, "F32"), (.bf16, "BF16"), (.q4_0, "Q4_0"), (.q4_K, "Q4_K"), (.iq2_xxs, "IQ2_XXS"),
    (.iq4_nl, "IQ4_NL"), (.tq1_0, "TQ1_0"), (.mxfp4, "MXFP4"), (.i8, "I8"),
  ])
  func names(_ type: TensorType, _ name: String) {
    #expect(type.name == name)
  }

  @Test func removedTypesAreNamedAndNotKnown() {
    let removed = (UInt32(0)..<64).filter { TensorType.removedName($0) != nil }
    #expect(removed == [4, 5, 31, 32, 33, 36, 37, 38])
    #expect(removed.allSatisfy { TensorType(rawValue: $0) == nil })
    #expect(TensorType.removedName(4) == "Q4_2")
    #expect(TensorType.removedName(31) == "Q4_0_4_4")
    #expect(TensorType.removedName(38) == "IQ4_NL_8_8")
  }

  /// Bits per weight times 16 as published for each format: catches a wrong block size or byte count.
  @Test(arguments: [
    (TensorType.q4_0, 72), (.q4_1, 80), (.q5_0, 88), (.q5_1, 96), (.q8_0, 136), (.q2_K, 42), (.q3_K, 55),
    (.q4_K, 72), (.q5_K, 88), (.q6_K, 105), (.iq2_xxs, 33), (.iq2_xs, 37), (.iq3_xxs, 49), (.iq1_s, 25),
    (.iq4_nl, 72), (.iq3_s, 55), (.iq2_s, 41), (.iq4_xs, 68), (.iq1_m, 28), (.tq1_0, 27), (.tq2_0, 33),
    (.mxfp4, 68), (.f16, 256), (.bf16, 256), (.f32, 512), (.f64, 1024),
  ])
  func bitsPerWeight(_ type: TensorType, _ sixteenths: Int) {
    #expect(type.block.bytes * 8 * 16 == sixteenths * type.block.weights)
  }
}
