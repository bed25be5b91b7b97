import GGUF
import Testing
import TestSupport

import Kernels

/// No kernel reads a byte outside of a tensor: in a mapped file the next page may not exist.
@Suite struct GuardPageTests {
  private static func guarded(_ type: TensorType, rows: Int, columns: Int) throws -> WeightMatrix {
    var random = SplitMix64(seed: 5)
    let owner = GuardedBytes(RandomWeights.bytes(type, count: rows * columns, &random))
    return try WeightMatrix(
      UnsafeRawBufferPointer(owner.bytes), owner: owner, type: type, rows: rows, columns: columns)
  }

  /// Results are compared with those over a copy elsewhere, so that the work cannot be left out.
  @Test(arguments: TableName.available, DequantizerTests.weightTypes)
  func weightsAtTheEndOfMemory(_ name: TableName, _ type: TensorType) throws {
    let columnCounts =
      type.block.weights == 1 ? [1, 7, 9, 33, 100, 257] : [1, 2, 5].map { $0 * type.block.weights }
    for columns in columnCounts {
      for rows in [1, 3, 15, 16, 17, 24] {
        let weight = try Self.guarded(type, rows: rows, columns: columns)
        let copy = try RandomWeights.matrix(type, rows: rows, columns: columns, seed: 5)
        let workspace = Workspace(
          compute: Compute(table: name.table, threads: 1), tokens: 8, columns: columns, heads: 1, headSize: 8)
        let x = Inputs.normal(rows: 8, columns: columns, seed: 6)
        let found = Matrix(rows: 8, columns: rows), expected = Matrix(rows: 8, columns: rows)
        for tokens in [1, 2, 8] {
          let operand = LinearOperand(weight: weight, bias: nil, site: 0)
          workspace.linear(x, tokens: tokens, runs: [], operand, into: found)
          workspace.linear(
            x, tokens: tokens, runs: [], LinearOperand(weight: copy, bias: nil, site: 0), into: expected)
          #expect(Inputs.bits(found, rows: 0..<tokens) == Inputs.bits(expected, rows: 0..<tokens))
        }
      }
    }
  }

  @Test(arguments: TableName.available, [.f32, .f16, .bf16, .q8_0] as [TensorType])
  func factorsAtTheEndOfMemory(_ name: TableName, _ type: TensorType) throws {
    let columns = 64, outputs = 21
    let weight = try RandomWeights.matrix(.f32, rows: outputs, columns: columns, seed: 1)
    for rank in type == .q8_0 ? [32, 64] : [1, 3, 8, 13, 16, 64, 200] {
      let delta = LowRankDelta(segments: [
        .init(
          a: try Self.guarded(type, rows: rank, columns: columns),
          b: try Self.guarded(type, rows: outputs, columns: rank), scale: 1)
      ])
      let workspace = Workspace(
        compute: Compute(table: name.table, threads: 1), tokens: 8, columns: columns, heads: 1, headSize: 8)
      let x = Inputs.normal(rows: 8, columns: columns, seed: 6)
      let base = Matrix(rows: 8, columns: outputs), found = Matrix(rows: 8, columns: outputs)
      for tokens in [1, 2, 8] {
        let operand = LinearOperand(weight: weight, bias: nil, site: 0)
        workspace.linear(x, tokens: tokens, runs: [], operand, into: base)
        workspace.linear(
          x, tokens: tokens, runs: [DeltaRun(first: 0, count: tokens, deltas: DeltaSet(sites: [delta]))],
          operand,
          into: found)
        #expect(Inputs.bits(found, rows: 0..<tokens) != Inputs.bits(base, rows: 0..<tokens))
      }
    }
  }

  @Test(arguments: DequantizerTests.weightTypes) func dequantizingStaysInside(_ type: TensorType) throws {
    let weight = try Self.guarded(type, rows: 2, columns: type.block.weights)
    let copy = try RandomWeights.matrix(type, rows: 2, columns: type.block.weights, seed: 5)
    #expect(weight.dequantized().map(\.bitPattern) == copy.dequantized().map(\.bitPattern))
    #expect(weight.isFinite() && copy.isFinite())
  }
}
