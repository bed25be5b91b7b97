import Kernels

/// Attention of one layer over a sequence that is already long.
enum AttentionCalls {
  private static let positions = 1024
  private static let heads = 12
  private static let kvHeads = 2
  private static let headSize = 128

  /// The last `tokens` of the sequence's positions ask about all before them.
  static func attend(_ table: KernelTable, tokens: Int) -> KernelBenchmark {
    KernelBenchmark("attend.\(tokens)") {
      var random = RandomWeights(seed: 13)
      let group = heads / kvHeads
      let workspace = Workspace(
        compute: Compute(table: table, threads: 1), tokens: tokens, columns: heads * headSize, heads: group,
        headSize: headSize)
      let store = KVStore(layers: 1, heads: kvHeads, headSize: headSize, capacity: positions, areHalves: true)
      for position in 0..<positions {
        let keys = random.matrix(rows: 1, columns: kvHeads * headSize)
        let values = random.matrix(rows: 1, columns: kvHeads * headSize)
        workspace.append(keys, values, row: 0, to: store, layer: 0, position: position)
      }
      for row in 0..<tokens { workspace.setVisible(row: row, first: 0, limit: positions - tokens + row + 1) }
      workspace.setSequences(
        1, heads: group, first: { _ in 0 }, tokens: { _ in tokens }, store: { _ in store })
      let queries = random.matrix(rows: tokens, columns: heads * headSize)
      let output = Matrix(rows: tokens, columns: heads * headSize)
      let scale = 1 / Float(headSize).squareRoot()
      return KernelCall(
        bytes: store.byteCount(positions: positions), products: 2 * tokens * positions * heads * headSize
      ) {
        workspace.attend(
          queries, into: output, layer: 0, heads: heads, kvHeads: kvHeads, headSize: headSize, scale: scale)
      }
    }
  }
}
