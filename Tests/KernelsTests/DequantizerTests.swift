import GGUF
import Testing

import Kernels

@Suite struct DequantizerTests {
  static let weightTypes: [TensorType] = [
    .f32, .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_nl, .iq4_xs,
    .tq1_0, .tq2_0, .mxfp4, .iq1_s, .iq1_m, .iq2_xxs, .iq2_xs, .iq2_s, .iq3_xxs, .iq3_s,
  ]
  static let otherTypes: [TensorType] = [.q8_1, .q8_K, .i8, .i16, .i32, .i64, .f64]

  @Test func everyTypeIsOneOrTheOther() {
    #expect(Set(Self.weightTypes).union(Self.otherTypes) == Set(TensorType.allCases))
    #expect(Set(Self.weightTypes).isDisjoint(with: Self.otherTypes))
  }

  @Test(arguments: weightTypes) func layoutAgreesWithTheFileFormat(_ type: TensorType) throws {
    let format = try #require(BlockFormats.format(of: type))
    #expect(format.type == type)
    #expect(format.weightsPerBlock == type.block.weights)
    #expect(format.bytesPerBlock == type.block.bytes)
  }

  @Test(arguments: weightTypes) func everyWeightTypeHasAFixture(_ type: TensorType) {
    #expect(BlockFixture.all.contains { $0.type == type && !$0.expected.isEmpty })
  }

  /// Not near: the same bits as gguf-py.
  @Test(arguments: BlockFixture.all) func dequantizesToTheSameBits(_ fixture: BlockFixture) throws {
    let found = try dequantize(fixture.type, fixture.blocks, count: fixture.expected.count)
    let wrong = found.indices.filter { found[$0].bitPattern != fixture.expected[$0].bitPattern }
    #expect(
      wrong.isEmpty,
      "\(wrong.count) of \(found.count): \(wrong.prefix(3).map { ($0, found[$0], fixture.expected[$0]) })")
  }

  /// A block in a mapped file starts at any address, and a row ends where the next begins.
  @Test(arguments: BlockFixture.all) func readsUnalignedAndWritesNothingElse(_ fixture: BlockFixture) throws {
    let shifted = [0xff] + fixture.blocks
    let count = fixture.expected.count
    var found = [Float](repeating: 7, count: count + 2)
    try shifted.withUnsafeBytes { bytes in
      try found.withUnsafeMutableBufferPointer { weights in
        try BlockFormats.dequantizeRow(
          type: fixture.type, from: bytes.baseAddress! + 1, count: count, into: weights.baseAddress! + 1)
      }
    }
    #expect(found.first == 7 && found.last == 7)
    #expect(found[1...count].map(\.bitPattern) == fixture.expected.map(\.bitPattern))
  }

  @Test(arguments: weightTypes) func anEmptyRowWritesNothing(_ type: TensorType) throws {
    var canary: Float = 7
    try BlockFormats.dequantizeRow(
      type: type, from: [UInt8](repeating: 1, count: 512), count: 0, into: &canary)
    #expect(canary == 7)
  }

  /// Any bytes are a block: codes must stay inside their tables, whatever the file says.
  @Test(arguments: weightTypes) func everyByteValueIsAccepted(_ type: TensorType) throws {
    for byte in UInt8.min...UInt8.max {
      let block = [UInt8](repeating: byte, count: type.block.bytes)
      let weights = try dequantize(type, block, count: type.block.weights)
      // A row of equal blocks decodes to equal weights.
      let twice = try dequantize(type, block + block, count: 2 * type.block.weights)
      #expect(twice.map(\.bitPattern) == (weights + weights).map(\.bitPattern))
    }
  }

  @Test(arguments: otherTypes) func typesWithoutWeightsAreRefused(_ type: TensorType) {
    #expect(BlockFormats.format(of: type) == nil)
    #expect(!BlockFormats.isSupported(type))
    #expect(throws: KernelError.unsupportedType(type.name)) {
      try dequantize(type, [UInt8](repeating: 0, count: type.block.bytes), count: type.block.weights)
    }
  }

  @Test(arguments: weightTypes.filter { $0.block.weights > 1 }, [1, -1])
  func aRowThatEndsInsideABlockIsRefused(_ type: TensorType, _ more: Int) {
    let count = type.block.weights + more
    let expected = KernelError.rowNotBlockMultiple(type: type.name, columns: count, block: type.block.weights)
    #expect(throws: expected) {
      try dequantize(type, [UInt8](repeating: 0, count: 2 * type.block.bytes), count: count)
    }
  }

  @Test func aNegativeCountIsRefused() {
    #expect(throws: KernelError.rowNotBlockMultiple(type: "F32", columns: -1, block: 1)) {
      var nothing: Float = 0
      try BlockFormats.dequantizeRow(type: .f32, from: [0, 0, 0, 0] as [UInt8], count: -1, into: &nothing)
    }
  }

  @Test func errorsSayWhatAndWhatToDo() {
    let unsupported = "\(KernelError.unsupportedType("Q8_K"))"
    #expect(unsupported.contains("Q8_K") && unsupported.contains("Quantize"))
    let row = "\(KernelError.rowNotBlockMultiple(type: "Q4_K", columns: 576, block: 256))"
    #expect(row.contains("Q4_K") && row.contains("576") && row.contains("256"))
  }

  private func dequantize(_ type: TensorType, _ blocks: [UInt8], count: Int) throws -> [Float] {
    var weights = [Float](repeating: .nan, count: count)
    try BlockFormats.dequantizeRow(type: type, from: blocks, count: count, into: &weights)
    return weights
  }
}
