import GGUF
import Testing

import Kernels

/// The reference quantizers write the bytes of llama-quantize, and err no more than the format's step explains.
@Suite struct QuantizerTests {
  /// A quantizer, and what bounds its error.
  struct Case: Sendable, CustomTestStringConvertible {
    let type: TensorType
    let format: any QuantizableFormat.Type
    /// The step between two codes for the weights of one block, and the block's offset.
    let grid: @Sendable ([Float]) -> (step: Float, offset: Float)
    /// Multiples of the step that the codes reach, from the offset.
    let codes: ClosedRange<Float>

    var testDescription: String { type.name }
  }

  static let cases: [Case] = [
    Case(type: .q4_0, format: Q4_0.self, grid: { (extreme($0) / -8, 0) }, codes: -8...7),
    Case(type: .q5_0, format: Q5_0.self, grid: { (extreme($0) / -16, 0) }, codes: -16...15),
    Case(type: .q8_0, format: Q8_0.self, grid: { (abs(extreme($0)) / 127, 0) }, codes: -127...127),
    Case(type: .q4_1, format: Q4_1.self, grid: { (($0.max()! - $0.min()!) / 15, $0.min()!) }, codes: 0...15),
    Case(type: .q5_1, format: Q5_1.self, grid: { (($0.max()! - $0.min()!) / 31, $0.min()!) }, codes: 0...31),
  ]

  static let quantized: [BlockFixture] = BlockFixture.all.filter { fixture in
    fixture.source != nil && BlockFormats.format(of: fixture.type) is any QuantizableFormat.Type
  }

  @Test func thereAreBytesToCompareForEveryQuantizer() {
    let compared = Set(Self.quantized.map(\.type))
    #expect(compared == [.f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0])
  }

  @Test(arguments: quantized) func writesTheBytesOfLlamaQuantize(_ fixture: BlockFixture) throws {
    let format = try #require(BlockFormats.format(of: fixture.type) as? any QuantizableFormat.Type)
    #expect(quantize(format, try #require(fixture.source)) == fixture.blocks)
  }

  /// Blocks of 32 weights, among them the awkward ones.
  static let blocks: [(name: String, weights: [Float])] = {
    var generator = SplitMix(state: 1)
    var blocks: [(String, [Float])] = (0..<64).map { index in
      let size = Float.random(in: -12...12, using: &generator)
      let magnitude = Float(sign: .plus, exponent: Int(size), significand: 1)
      return (
        "random \(index)", (0..<32).map { _ in magnitude * Float.random(in: -1...1, using: &generator) }
      )
    }
    blocks.append(("zeros", [Float](repeating: 0, count: 32)))
    blocks.append(("negative zeros", [Float](repeating: -0.0, count: 32)))
    blocks.append(("equal", [Float](repeating: -3.25, count: 32)))
    blocks.append(("one large", [1000] + [Float](repeating: 1, count: 31)))
    blocks.append(("all positive", (0..<32).map { 5 + Float($0) }))
    blocks.append(("largest half", (0..<32).map { $0 % 2 == 0 ? 32752 : -32752 * Float($0) / 31 }))
    blocks.append(("largest half, one sign", (0..<32).map { 65504 * Float($0) / 31 }))
    blocks.append(
      ("subnormal halves", (0..<32).map { Float(Float16.leastNonzeroMagnitude) * Float($0 - 16) }))
    blocks.append(("subnormal floats", (0..<32).map { Float.leastNonzeroMagnitude * Float($0 - 16) }))
    return blocks
  }()

  @Test(arguments: cases, blocks.indices) func theErrorStaysWithinHalfAStep(_ test: Case, _ block: Int) {
    let weights = Self.blocks[block].weights
    let found = dequantize(test.format, quantize(test.format, weights))
    let (step, offset) = test.grid(weights)
    for (weight, result) in zip(weights, found) {
      // Beyond the last code (Q4_0, Q5_0: opposite to the largest weight) a weight is cut to it.
      let code = step == 0 ? 0 : (weight - offset) / step
      let cut = max(test.codes.lowerBound - code, code - test.codes.upperBound, 0)
      let reach = max(-test.codes.lowerBound, test.codes.upperBound)
      let bound =
        max(cut, 0.5) * abs(step) + reach * Self.halfError(step) + Self.halfError(offset)
        // The float32 arithmetic on the way, for numbers as large as these.
        + 4 * Float.ulpOfOne * (abs(offset) + reach * abs(step))
      #expect(
        abs(result - weight) <= bound,
        "\(Self.blocks[block].name): \(weight) became \(result), bound \(bound)")
    }
  }

  /// How far rounding to a Float16 can move `value`: half a unit in the last place, at least half a subnormal.
  static func halfError(_ value: Float) -> Float { max(abs(value) * 0x1p-11, 0x1p-25) }

  /// The weight of the largest magnitude.
  static func extreme(_ weights: [Float]) -> Float { weights.max { abs($0) < abs($1) } ?? 0 }

  @Test(arguments: cases, [0, -0.0] as [Float]) func zerosStayZeros(_ test: Case, _ zero: Float) {
    #expect(roundTrip(test.format, [Float](repeating: zero, count: 32)) == [Float](repeating: 0, count: 32))
  }

  /// Weights that no format can hold must not trap; what they become is not promised.
  @Test(
    arguments: cases, [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude])
  func hostileWeightsDoNotTrap(_ test: Case, _ weight: Float) {
    for others in [0, 1, -1, weight, -weight] as [Float] {
      for position in [0, 7, 31] {
        var weights = [Float](repeating: others, count: 32)
        weights[position] = weight
        #expect(quantize(test.format, weights).count == test.type.block.bytes)
      }
    }
  }

  /// A NaN among numbers leaves its block usable.
  @Test(arguments: cases) func aLaterNaNLeavesTheOtherWeights(_ test: Case) {
    var weights = (0..<32).map { Float($0 - 16) / 16 }
    weights[9] = .nan
    let found = dequantize(test.format, quantize(test.format, weights))
    for i in 0..<32 where i != 9 { #expect(abs(found[i] - weights[i]) <= 1.0 / 8) }
  }

  /// In steps of 1: ties go away from zero in Q8_0 and up in the others.
  @Test func tiesRoundAsInGgml() {
    let nothing = [Float](repeating: 0, count: 26)
    let q8 = roundTrip(Q8_0.self, [127, 0.5, -0.5, 2.5, -2.5, 1.5] + nothing)
    #expect(q8[0..<6] == [127, 1, -1, 3, -3, 2])
    let q4 = roundTrip(Q4_0.self, [-8, 0.5, -0.5, 2.5, -2.5, 1.5] + nothing)
    #expect(q4[0..<6] == [-8, 1, 0, 3, -2, 2])
    let q5 = roundTrip(Q5_0.self, [-16, 0.5, -0.5, 2.5, -2.5, 1.5] + nothing)
    #expect(q5[0..<6] == [-16, 1, 0, 3, -2, 2])
    let q41 = roundTrip(Q4_1.self, [0, 15, 0.5, 1.5, 2.5, 13.5] + nothing)
    #expect(q41[0..<6] == [0, 15, 1, 2, 3, 14])
    let q51 = roundTrip(Q5_1.self, [0, 31, 0.5, 1.5, 2.5, 29.5] + nothing)
    #expect(q51[0..<6] == [0, 31, 1, 2, 3, 30])
  }

  @Test func halvesRoundToEvenAndOverflowToInfinity() {
    #expect(roundTrip(F16.self, [65504, 65519.996, 65520, -65520]) == [65504, 65504, .infinity, -.infinity])
    #expect(roundTrip(F16.self, [1 + 0x1p-11, 1 + 3 * 0x1p-11]) == [1, 1 + 0x1p-9])
    #expect(roundTrip(F16.self, [0x1p-24, 0x1p-25, 0x1.8p-25]) == [0x1p-24, 0, 0x1p-24])
    #expect(roundTrip(F16.self, [.nan])[0].isNaN)
  }

  @Test func brainHalvesRoundToEvenAndKeepNaN() {
    #expect(roundTrip(BF16.self, [1 + 0x1p-8, 1 + 3 * 0x1p-8]) == [1, 1 + 0x1p-6])
    #expect(roundTrip(BF16.self, [.greatestFiniteMagnitude, -.infinity]) == [.infinity, -.infinity])
    // The one bit that makes this a NaN would be cut off; all ones would carry into the sign.
    #expect(roundTrip(BF16.self, [Float(bitPattern: 0x7f80_0001)])[0].isNaN)
    #expect(roundTrip(BF16.self, [Float(bitPattern: 0x7fff_ffff)])[0].isNaN)
  }

  @Test(arguments: [Float.pi, -0.0, .leastNonzeroMagnitude, .infinity, Float(bitPattern: 0x7f80_0001)])
  func floatsKeepEveryBit(_ weight: Float) {
    #expect(roundTrip(F32.self, [weight])[0].bitPattern == weight.bitPattern)
  }

  private func roundTrip(_ format: any QuantizableFormat.Type, _ weights: [Float]) -> [Float] {
    dequantize(format, quantize(format, weights))
  }

  private func quantize(_ format: any QuantizableFormat.Type, _ weights: [Float]) -> [UInt8] {
    let blocks = weights.count / format.weightsPerBlock
    var bytes = [UInt8](repeating: 0xaa, count: blocks * format.bytesPerBlock)
    weights.withUnsafeBufferPointer { source in
      bytes.withUnsafeMutableBytes { target in
        for i in 0..<blocks {
          format.quantize(
            source.baseAddress! + i * format.weightsPerBlock,
            into: target.baseAddress! + i * format.bytesPerBlock)
        }
      }
    }
    return bytes
  }

  private func dequantize(_ format: any QuantizableFormat.Type, _ bytes: [UInt8]) -> [Float] {
    let blocks = bytes.count / format.bytesPerBlock
    var weights = [Float](repeating: .nan, count: blocks * format.weightsPerBlock)
    bytes.withUnsafeBytes { source in
      weights.withUnsafeMutableBufferPointer { target in
        for i in 0..<blocks {
          format.dequantize(
            source.baseAddress! + i * format.bytesPerBlock,
            into: target.baseAddress! + i * format.weightsPerBlock)
        }
      }
    }
    return weights
  }
}

/// Numbers that look random and are the same in every run (Steele, Lea, Flood: SplitMix64).
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}
