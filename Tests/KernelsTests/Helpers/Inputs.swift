import Kernels
import TestSupport

/// Matrices to compute with.
enum Inputs {
  /// Normally distributed, every row of its own size.
  static func normal(rows: Int, columns: Int, seed: UInt64, deviation: Float = 1) -> Matrix {
    var random = SplitMix64(seed: seed)
    let values = (0..<rows).flatMap { row in
      random.normals(
        columns, deviation: deviation * Float(sign: .plus, exponent: row % 7 - 3, significand: 1))
    }
    return Matrix(rows: rows, columns: columns, values)
  }

  static func fill(_ matrix: Matrix, _ value: Float) {
    for row in 0..<matrix.rows { matrix.withRow(row) { $0.update(repeating: value) } }
  }

  /// The rows' bit patterns: for comparisons that allow no difference at all.
  static func bits(_ matrix: Matrix, rows: Range<Int>) -> [UInt32] {
    rows.flatMap { matrix.values(row: $0).map(\.bitPattern) }
  }
}
