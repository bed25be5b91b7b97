import Foundation
import Mullama
import Testing

struct RandomGeneratorTests {
  /// Made with a separate Python implementation of SplitMix64 and xoshiro256**, itself checked against the published
  /// outputs for the state 1, 2, 3, 4 (11520, 0, 1509978240, …) and for SplitMix64 from 1234567.
  @Test(
    arguments: [
      (0, [0x99ec_5f36_cb75_f2b4, 0xbf6e_1f78_4956_452a, 0x1a5f_849d_4933_e6e0, 0x6aa5_94f1_262d_2d2c]),
      (
        1_234_567,
        [0x30a3_a1c3_6360_0467, 0x1940_5f0f_5799_29ca, 0x115b_eaac_046d_dbd9, 0xeb17_caf4_8f27_d7f6]
      ),
      (.max, [0x8f55_20d5_2a7e_ad08, 0xc476_a018_caa1_802d, 0x81de_31c0_d260_469e, 0xbf65_8d7e_065f_3c2f]),
    ] as [(UInt64, [UInt64])])
  func givesTheKnownNumbers(seed: UInt64, numbers: [UInt64]) {
    var generator = RandomGenerator(seed: seed)
    #expect(numbers.map { _ in generator.next() } == numbers)
  }

  @Test func unitsLieInTheirRange() {
    var generator = RandomGenerator(seed: 0)
    #expect(generator.nextUnit() == Double(0x99ec_5f36_cb75_f2b4 >> 11 as UInt64) / 9_007_199_254_740_992)
    var sum = 0.0
    for _ in 0..<10_000 {
      let unit = generator.nextUnit()
      #expect((0..<1).contains(unit))
      sum += unit
    }
    #expect(abs(sum / 10_000 - 0.5) < 0.02)
  }
}

struct PortableMathTests {
  @Test func expAgreesWithTheLibrary() {
    for step in 0..<50_000 {
      let x = -Double(step) * 0.013_97
      #expect(abs(PortableMath.exp(x) - exp(x)) <= 2 * exp(x).ulp)
    }
    #expect(PortableMath.exp(0) == 1)
    #expect(PortableMath.exp(-700.5) == 0)
    #expect(PortableMath.exp(-.infinity) == 0)
  }

  @Test func logAgreesWithTheLibrary() {
    for step in 1..<20_000 {
      for x in [Double(step) * 0.731, 1 / Double(step), Double(step) * 1e-300] where abs(log(x)) > 0.1 {
        #expect(abs(PortableMath.log(x) - log(x)) <= 2 * abs(log(x)).ulp)
      }
    }
    #expect(PortableMath.log(1) == 0)
    #expect(PortableMath.log(0) == -.infinity)
  }
}
