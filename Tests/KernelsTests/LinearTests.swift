import GGUF
import Testing
import TestSupport

import Kernels

/// `Workspace.linear` over every weight format and many shapes, against double precision.
@Suite struct LinearTests {
  static let tokenCounts = [1, 2, 3, 4, 5, 7, 16, 33, 64]
  static let rowCounts = [1, 15, 16, 17, 48, 100]

  static func columnCounts(_ type: TensorType) -> [Int] {
    type.block.weights == 1 ? [1, 7, 31, 33, 100, 577] : [1, 2, 3, 5].map { $0 * type.block.weights }
  }

  @Test(arguments: DequantizerTests.weightTypes) func agreesWithDoublePrecision(_ type: TensorType) throws {
    let computes = TableName.available.map { ($0, Compute(table: $0.table, threads: 2)) }
    for columns in Self.columnCounts(type) {
      let whole = try RandomWeights.matrix(type, rows: 100, columns: columns, seed: 7)
      let x = Inputs.normal(rows: 64, columns: columns, seed: 8)
      for rows in Self.rowCounts {
        let weight = whole.slice(rows: 0..<rows)
        let reference = LinearReference(weight, x, tokens: rows == 100 ? 64 : 16)
        for (name, compute) in computes {
          let workspace = Workspace(compute: compute, tokens: 64, columns: columns, heads: 1, headSize: 32)
          let output = Matrix(rows: 65, columns: rows)
          // The definition is slow and has no shapes: fewer of them do.
          for tokens in Self.tokenCounts
          where tokens <= reference.tokens && (name.isFast || tokens == 3 || rows == 17) {
            Inputs.fill(output, .nan)
            workspace.linear(
              x, tokens: tokens, runs: [], LinearOperand(weight: weight, bias: nil, site: 0), into: output)
            let precision = LinearReference.precision(name, type, tokens: tokens)
            let worst = reference.worst(output, tokens: tokens, precision)
            #expect(worst <= 1, "\(name) \(type.name) \(tokens) × \(columns) → \(rows)")
            let untouched = output.values(row: tokens).allSatisfy { $0.isNaN }
            #expect(untouched, "wrote past the last token")
            let isInt8 = [.int8, .int8Pairs, .int8Octets].contains(precision)
            if isInt8, tokens >= 16 || precision == .int8Octets, rows >= 16, columns >= 512 || tokens >= 16 {
              // Errors are independent: their mean square is near the prediction, not near the bound.
              let ratio = reference.rootMeanSquare8(output, tokens: tokens, precision)
              #expect(ratio < 1.25, "\(type.name) \(tokens) × \(columns) → \(rows)")
            }
          }
        }
      }
    }
  }

  /// A unit of zero leaves the minima of a K format, and no scale to divide by.
  @Test(arguments: [TensorType.q4_K, .q5_K, .q6_K, .q2_K, .q3_K])
  func unitsOfZero(_ type: TensorType) throws {
    let rows = 20, columns = 512, tokens = 24
    var random = SplitMix64(seed: 10)
    var bytes = RandomWeights.bytes(type, count: rows * columns, &random)
    let unit = type == .q2_K ? 80 : type == .q3_K ? 108 : type == .q6_K ? 208 : 0
    for block in 0..<rows * columns / 256 where block % 3 != 0 {
      bytes[block * type.block.bytes + unit] = 0
      bytes[block * type.block.bytes + unit + 1] = 0
    }
    let weight = try RandomWeights.matrix(type, rows: rows, columns: columns, bytes)
    let computes = TableName.available.map { ($0, Compute(table: $0.table, threads: 2)) }
    let x = Inputs.normal(rows: tokens, columns: columns, seed: 9)
    let reference = LinearReference(weight, x, tokens: tokens)
    for (name, compute) in computes {
      let workspace = Workspace(compute: compute, tokens: tokens, columns: columns, heads: 1, headSize: 32)
      let output = Matrix(rows: tokens, columns: rows)
      for count in [1, 3, tokens] {
        workspace.linear(
          x, tokens: count, runs: [], LinearOperand(weight: weight, bias: nil, site: 0), into: output)
        let precision = LinearReference.precision(name, type, tokens: count)
        #expect(reference.worst(output, tokens: count, precision) <= 1, "\(name) \(type.name) \(count)")
      }
    }
  }

  /// Rows as long as a large model's, and lengths that no panel divides.
  @Test(
    arguments: [.f32, .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_nl] as [TensorType],
    [1056, 2080, 8960, 28672])
  func longRows(_ type: TensorType, _ columns: Int) throws { try check(type, columns: columns) }

  @Test(
    arguments: [.q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_xs, .iq2_s] as [TensorType], [1280, 8960, 28672])
  func longRowsOfSuperBlocks(_ type: TensorType, _ columns: Int) throws { try check(type, columns: columns) }

  private func check(_ type: TensorType, columns: Int) throws {
    let weight = try RandomWeights.matrix(type, rows: 19, columns: columns, seed: 3)
    let x = Inputs.normal(rows: 7, columns: columns, seed: 4)
    try Self.expectAgreement(weight, x, tokenCounts: [1, 2, 7])
  }

  /// Activations that are hard on a block of 32.
  enum Extreme: String, CaseIterable, Sendable {
    case zeros, negativeZeros, outlier, denormal, nearlyDenormal, tiny, equal, equalButOne, twoValues, large,
      oneSign

    func value(_ i: Int, _ random: inout SplitMix64) -> Float {
      switch self {
      case .zeros: 0
      case .negativeZeros: -0.0
      case .outlier: i % 32 == 5 ? 1e4 : 1e-3 * random.normal()
      case .denormal: Float.leastNonzeroMagnitude * Float(1 + i % 100)
      case .nearlyDenormal: 1e-36 * random.normal()
      case .tiny: 1e-20 * random.normal()
      case .equal: 0.7
      // The extremes of the block are neighbouring floats: the step is a fraction of a unit in the last place.
      case .equalButOne: i % 32 == 9 ? Float(0.7).nextUp : 0.7
      case .twoValues: i % 2 == 0 ? 3 : -3
      case .large: 1e30 * random.normal()
      case .oneSign: 5 + random.uniform()
      }
    }
  }

  @Test(arguments: DequantizerTests.weightTypes, Extreme.allCases)
  func extremeActivations(_ type: TensorType, _ extreme: Extreme) throws {
    let columns = 2 * max(32, type.block.weights)
    let weight = try RandomWeights.matrix(type, rows: 18, columns: columns, seed: 11)
    var random = SplitMix64(seed: 12)
    let x = Matrix(
      rows: 5, columns: columns, (0..<5 * columns).map { extreme.value($0, &random) })
    try Self.expectAgreement(weight, x, tokenCounts: [1, 2, 5])
  }

  /// All codes at their largest, all activations at ±127 steps: the sums that come nearest to overflow.
  @Test(
    arguments: DequantizerTests.weightTypes.filter { $0.block.weights > 1 },
    [0xFF, 0x00, 0x7F, 0x80] as [UInt8])
  func equalCodesDoNotSaturate(_ type: TensorType, _ byte: UInt8) throws {
    let columns = 2 * max(32, type.block.weights)
    var bytes = [UInt8](repeating: byte, count: 16 * columns / type.block.weights * type.block.bytes)
    for start in stride(from: 0, to: bytes.count, by: type.block.bytes) {
      RandomWeights.setScales(type, &bytes, at: start) { 0.5 }
    }
    let weight = try RandomWeights.matrix(type, rows: 16, columns: columns, bytes)
    for sign in [1, -1] as [Float] {
      // One value at the other end in each block makes the rest ±127 steps from the center.
      let x = Matrix(
        rows: 4, columns: columns, (0..<4 * columns).map { $0 % 32 == 31 ? -127 * sign : 127 * sign })
      // Codes that are all equal may cancel their offset entirely (Q4_1: 15 × 0.5 − …): allow for its size.
      try Self.expectAgreement(weight, x, tokenCounts: [1, 2, 4], slack: 32 * 127 * 64 * 32 * 0x1p-24)
    }
  }

  static func expectAgreement(
    _ weight: WeightMatrix, _ x: Matrix, tokenCounts: [Int], slack: Double = 0
  ) throws {
    let most = try #require(tokenCounts.max())
    let reference = LinearReference(weight, x, tokens: most)
    for name in TableName.available {
      let workspace = Workspace(
        compute: Compute(table: name.table, threads: 1), tokens: most, columns: x.columns, heads: 1,
        headSize: 32)
      let output = Matrix(rows: most, columns: weight.rows)
      for tokens in tokenCounts {
        Inputs.fill(output, .nan)
        workspace.linear(
          x, tokens: tokens, runs: [], LinearOperand(weight: weight, bias: nil, site: 0), into: output)
        let precision = LinearReference.precision(name, weight.type, tokens: tokens)
        for token in 0..<tokens {
          for row in 0..<weight.rows {
            let found = Double(output[token, row]), exact = reference.exact[token * weight.rows + row]
            let bound = reference.bound(token: token, row: row, precision) + slack
            if !(abs(found - exact) <= bound) {
              Issue.record("\(name), \(tokens) tokens, [\(token), \(row)]: \(found), not \(exact) ± \(bound)")
              return
            }
          }
        }
      }
    }
  }
}
