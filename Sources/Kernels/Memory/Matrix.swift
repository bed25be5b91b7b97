/// A float32 matrix of our own, row-major without padding: activations, logits, scratch.
///
/// It never grows: a forward pass allocates nothing. Values are undefined until written.
package final class Matrix: @unchecked Sendable {
  // @unchecked: a forward pass owns its matrices; within a parallel region items write disjoint parts.
  package let rows: Int
  package let columns: Int
  private let memory: AlignedMemory
  let pointer: UnsafeMutablePointer<Float>

  package init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    memory = AlignedMemory(byteCount: rows * columns * MemoryLayout<Float>.stride)
    pointer = memory.base.bindMemory(to: Float.self, capacity: max(1, rows * columns))
  }

  package convenience init(rows: Int, columns: Int, _ values: [Float]) {
    precondition(values.count == rows * columns)
    self.init(rows: rows, columns: columns)
    for i in values.indices { pointer[i] = values[i] }
  }

  func row(_ index: Int) -> UnsafeMutablePointer<Float> { pointer + index * columns }

  package subscript(row: Int, column: Int) -> Float {
    get {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      return pointer[row * columns + column]
    }
    set {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      pointer[row * columns + column] = newValue
    }
  }

  /// One row as a span, to read without copying.
  package func withRow<R>(_ row: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> R) rethrows -> R {
    precondition(row >= 0 && row < rows)
    return try body(UnsafeMutableBufferPointer(start: self.row(row), count: columns))
  }

  /// A copy of one row.
  package func values(row: Int) -> [Float] { withRow(row) { Array($0) } }

  /// Copies a row of another matrix of the same width.
  package func copyRow(_ source: Int, of other: Matrix, to target: Int) {
    precondition(other.columns == columns && source < other.rows && target < rows)
    row(target).update(from: other.row(source), count: columns)
  }

  /// Gives some columns of the first rows a value.
  package func fill(columns range: Range<Int>, rows count: Int, with value: Float) {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns && count <= rows)
    for row in 0..<count { (self.row(row) + range.lowerBound).update(repeating: value, count: range.count) }
  }

  package var byteCount: Int { memory.byteCount }
}
