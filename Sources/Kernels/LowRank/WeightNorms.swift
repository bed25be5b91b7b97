/// Norms of an adapted matrix, `‖W + scale × B·A‖`, which DoRA divides by. Source: Liu et al. 2024, equation 5.
///
/// W is dequantized row by row on the pool: nothing of its size is ever in memory.
///
/// - Complexity: O(rows × columns × rank) once for a scale.
package enum WeightNorms {
  private static let rowsPerItem = 32

  /// One norm for each row of `w` (outputs), over its columns. `a` is `rank × columns`, `b` is `rows × rank`.
  package static func ofRows(
    _ w: WeightMatrix, a: WeightMatrix, b: WeightMatrix, scale: Float, _ compute: Compute
  ) -> [Float] {
    precondition(a.columns == w.columns && b.rows == w.rows && a.rows == b.columns)
    let right = Matrix(rows: a.rows, columns: a.columns, a.dequantized())
    let norms = Matrix(rows: 1, columns: w.rows)
    forEachRow(w.rows, rowsPerItem, columns: w.columns, rank: a.rows, compute) { row, line, factors in
      b.dequantizeRow(row, into: factors)
      addLowRank(w, row, right, factors, scale, line, compute.table)
      norms.pointer[row] = dotProduct(line, line, w.columns).squareRoot()
    }
    return norms.values(row: 0)
  }

  /// One norm for each column of an embedding `w`, over all its rows (tokens). `a` is `rows × rank`, `b` is
  /// `columns × rank`.
  package static func ofColumns(
    _ w: WeightMatrix, a: WeightMatrix, b: WeightMatrix, scale: Float, _ compute: Compute
  ) -> [Float] {
    precondition(a.rows == w.rows && b.rows == w.columns && a.columns == b.columns)
    let rank = a.columns
    let right = Matrix(rows: rank, columns: w.columns)
    let left = b.dequantized()
    for column in 0..<w.columns {
      for k in 0..<rank { right.pointer[k * w.columns + column] = left[column * rank + k] }
    }
    // Parts of a fixed size, not one for each thread: the sum must not depend on who came first.
    let rowsPerItem = max(rowsPerItem, (w.rows + 63) / 64)
    let sums = Matrix(rows: (w.rows + rowsPerItem - 1) / rowsPerItem, columns: w.columns)
    for i in 0..<sums.rows * sums.columns { sums.pointer[i] = 0 }
    forEachRow(w.rows, rowsPerItem, columns: w.columns, rank: rank, compute) { row, line, factors in
      a.dequantizeRow(row, into: factors)
      addLowRank(w, row, right, factors, scale, line, compute.table)
      let sum = sums.row(row / rowsPerItem)
      for column in 0..<w.columns { sum[column] += line[column] * line[column] }
    }
    return (0..<w.columns).map { column in
      (0..<sums.rows).reduce(Float(0)) { $0 + sums[$1, column] }.squareRoot()
    }
  }

  /// `line = W[row] + scale × Σₖ factors[k] × right[k]`
  private static func addLowRank(
    _ w: WeightMatrix, _ row: Int, _ right: Matrix, _ factors: UnsafeMutablePointer<Float>, _ scale: Float,
    _ line: UnsafeMutablePointer<Float>, _ table: KernelTable
  ) {
    w.dequantizeRow(row, into: line)
    for k in 0..<right.rows { table.addScaled(right.row(k), scale * factors[k], right.columns, line) }
  }

  private static func forEachRow(
    _ rows: Int, _ rowsPerItem: Int, columns: Int, rank: Int, _ compute: Compute,
    _ body: (_ row: Int, _ line: UnsafeMutablePointer<Float>, _ factors: UnsafeMutablePointer<Float>) -> Void
  ) {
    let lines = Matrix(rows: compute.pool.threadCount, columns: columns)
    let factors = Matrix(rows: compute.pool.threadCount, columns: rank)
    compute.forEach((rows + rowsPerItem - 1) / rowsPerItem) { item, worker in
      for row in item * rowsPerItem..<min(rows, (item + 1) * rowsPerItem) {
        body(row, lines.row(worker), factors.row(worker))
      }
    }
  }
}
