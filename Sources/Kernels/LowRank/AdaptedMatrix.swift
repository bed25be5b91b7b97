import GGUF

/// A weight matrix with what an adapter set does to it added in, row by row: `W' = gain ⊙ W + Σ scaleᵢ gainᵢ ⊙ Bᵢ·Aᵢ`, where
/// `W` has the adapters' own matrix or rows in its place.
///
/// Of an embedding the gain is one for each column, and a row's delta is `B · A[row]` (see `Workspace.embed`). The bias of a
/// delta belongs to no matrix and is left to the caller.
package final class AdaptedMatrix {
  private let weight: WeightMatrix
  private let delta: LowRankDelta?
  private let isEmbedding: Bool
  private let compute: Compute
  /// For each segment `rank × columns`.
  private let right: [Matrix]
  /// Of the matrix, and of what the delta adds below it.
  package let rows: Int
  private let lines: Matrix
  private let factors: Matrix
  private static let rowsPerItem = 16

  /// - Parameters:
  ///   - delta: nil: the matrix as it is.
  ///   - rows: more than the matrix has where the delta brings all that follow (an embedding's for added tokens); nil: as many.
  package init(
    _ weight: WeightMatrix, _ delta: LowRankDelta?, isEmbedding: Bool, rows: Int? = nil, _ compute: Compute
  ) {
    self.weight = weight
    self.rows = rows ?? weight.rows
    self.delta = delta
    self.isEmbedding = isEmbedding
    self.compute = compute
    let segments = delta?.segments ?? []
    right = segments.map { segment in
      let factor = isEmbedding ? segment.b : segment.a
      if !isEmbedding { return Matrix(rows: factor.rows, columns: factor.columns, factor.dequantized()) }
      let values = factor.dequantized()
      let transposed = Matrix(rows: factor.columns, columns: factor.rows)
      for row in 0..<factor.rows {
        for column in 0..<factor.columns {
          transposed.pointer[column * factor.rows + row] = values[row * factor.columns + column]
        }
      }
      return transposed
    }
    precondition(right.allSatisfy { $0.columns == weight.columns })
    lines = Matrix(rows: compute.pool.threadCount, columns: weight.columns)
    factors = Matrix(rows: compute.pool.threadCount, columns: max(1, segments.map(\.rank).max() ?? 1))
  }

  /// Some rows in a format that `WeightEncoder` can write, the work shared by the pool.
  package func encoded(rows range: Range<Int>, as type: TensorType) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows)
    let rowBytes = weight.columns / type.block.weights * type.block.bytes
    return [UInt8](unsafeUninitializedCapacity: range.count * rowBytes) { target, written in
      if let base = target.baseAddress { encode(range, type, UnsafeMutableRawPointer(base), rowBytes) }
      written = range.count * rowBytes
    }
  }

  private func encode(
    _ range: Range<Int>, _ type: TensorType, _ target: UnsafeMutableRawPointer, _ rowBytes: Int
  ) {
    let size = Self.rowsPerItem
    compute.forEach((range.count + size - 1) / size) { item, worker in
      let line = lines.row(worker)
      for row in range.lowerBound + item * size..<min(range.upperBound, range.lowerBound + (item + 1) * size)
      {
        compute(row, into: line, worker)
        WeightEncoder.encode(
          line, count: weight.columns, as: type, into: target + (row - range.lowerBound) * rowBytes)
      }
    }
  }

  private func compute(_ row: Int, into line: UnsafeMutablePointer<Float>, _ worker: Int) {
    if let own = delta?.rows, let index = own.index(of: row) {
      line.update(from: own.values.row(index), count: weight.columns)
    } else {
      let replacement = delta?.replacement.flatMap { row < $0.rows ? $0 : nil }
      precondition(replacement != nil || row < weight.rows)
      (replacement ?? weight).dequantizeRow(row, into: line)
    }
    guard let delta else { return }
    if let gain = delta.gain {
      for column in 0..<weight.columns { line[column] *= gain.pointer[isEmbedding ? column : row] }
    }
    let own = factors.row(worker)
    for (segment, right) in zip(delta.segments, right) {
      let factor = isEmbedding ? segment.a : segment.b
      // Of an embedding a factor may be shorter (see `Workspace.embed`).
      if row >= factor.rows { continue }
      factor.dequantizeRow(row, into: own)
      let scale = segment.scale * (segment.gain.map { $0.pointer[row] } ?? 1)
      for k in 0..<right.rows {
        compute.table.addScaled(right.row(k), scale * own[k], weight.columns, line)
      }
    }
  }
}
