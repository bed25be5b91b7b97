import GGUF
import Kernels

/// Matrix products as a forward pass makes them, small enough to stay in a second-level cache where they should.
enum LinearCalls {
  /// A matrix of this many columns is a few hundred bytes to a few kilobytes a row.
  private static let columns = 2048
  private static let vectorRows = 1024
  private static let tileRows = 64
  private static let tileTokens = 64
  private static let rank = 16

  /// One token: the shape of decode.
  static func matVec(_ table: KernelTable, _ type: TensorType) -> KernelBenchmark {
    KernelBenchmark("matVec.\(type.name)") { try linear(table, type, rows: vectorRows, tokens: 1) }
  }

  /// Tiles of rows with many tokens: the shape of prefill.
  static func matMul(_ table: KernelTable, _ type: TensorType) -> KernelBenchmark {
    KernelBenchmark("matMul.\(type.name)") { try linear(table, type, rows: tileRows, tokens: tileTokens) }
  }

  /// A square Q4_K matrix with an F16 adapter of rank 16 on it; to be compared with the matrix alone, `matVec.Q4_K` for one
  /// token.
  static func lowRank(_ table: KernelTable, tokens: Int) -> KernelBenchmark {
    KernelBenchmark("lowRank.\(tokens)") {
      var random = RandomWeights(seed: 7)
      let a = try random.weights(.f16, rows: rank, columns: columns)
      let b = try random.weights(.f16, rows: vectorRows, columns: rank)
      let delta = LowRankDelta(segments: [LowRankDelta.Segment(a: a, b: b, scale: 0.5)])
      return try linear(table, .q4_K, rows: vectorRows, tokens: tokens, delta: delta)
    }
  }

  /// Activations to integers for Q4_K weights.
  static func quantize(_ table: KernelTable, tokens: Int) -> KernelBenchmark {
    KernelBenchmark("quantize.\(tokens)") {
      var random = RandomWeights(seed: 11)
      let call = QuantizeCall(table, random.matrix(rows: tokens, columns: columns), for: .q4_K)
      return KernelCall(bytes: 4 * tokens * columns, products: tokens * columns) { call.run() }
    }
  }

  private static func linear(
    _ table: KernelTable, _ type: TensorType, rows: Int, tokens: Int, delta: LowRankDelta? = nil
  ) throws -> KernelCall {
    var random = RandomWeights(seed: UInt64(type.rawValue))
    let weight = try random.weights(type, rows: rows, columns: columns)
    let input = random.matrix(rows: tokens, columns: columns)
    let output = Matrix(rows: tokens, columns: rows)
    let workspace = Workspace(
      compute: Compute(table: table, threads: 1), tokens: tokens, columns: columns, heads: 1, headSize: 64)
    let operand = LinearOperand(weight: weight, bias: nil, site: 0)
    let runs = [DeltaRun(first: 0, count: tokens, deltas: delta.map { DeltaSet(sites: [$0]) })]
    let lowRank = delta == nil ? 0 : rank * (rows + columns)
    return KernelCall(
      bytes: weight.byteCount + 2 * lowRank, products: tokens * (rows * columns + lowRank)
    ) { workspace.linear(input, tokens: tokens, runs: runs, operand, into: output) }
  }
}
