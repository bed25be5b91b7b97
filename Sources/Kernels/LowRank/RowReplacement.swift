/// Some rows of a matrix in an adapter's own version, float32: trained tokens of an embedding or output matrix.
package final class RowReplacement: Sendable {
  /// Row numbers of the matrix, ascending.
  package let indices: [Int]
  /// One row for each index.
  package let values: Matrix

  /// - Parameter indices: ascending, each once; as many as `values` has rows.
  package init(indices: [Int], values: Matrix) {
    precondition(indices.count == values.rows && zip(indices, indices.dropFirst()).allSatisfy { $0 < $1 })
    self.indices = indices
    self.values = values
  }

  /// The row of `values` that stands for a row of the matrix, or nil. Complexity: O(log rows).
  package func index(of row: Int) -> Int? {
    let index = firstIndex(from: row)
    return index < indices.count && indices[index] == row ? index : nil
  }

  private func firstIndex(from row: Int) -> Int {
    var low = 0
    var high = indices.count
    while low < high {
      let middle = (low + high) / 2
      if indices[middle] < row { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Puts the products of the own rows among `first ..< first + count` in the place of the matrix's.
  func multiply(
    _ input: ActivationView, tokens: Int, first: Int, count: Int, into output: UnsafeMutablePointer<Float>,
    stride: Int
  ) {
    precondition(input.columns == values.columns)
    var index = firstIndex(from: first)
    while index < indices.count, indices[index] < first + count {
      for token in 0..<tokens {
        output[token * stride + indices[index] - first] = dotProduct(
          values.row(index), input.floats + token * input.columns, values.columns)
      }
      index += 1
    }
  }
}

/// `Σ a[i] × b[i]` in float32, eight sums at a time.
func dotProduct(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
  var sums = SIMD8<Float>.zero
  var i = 0
  while i + 8 <= count {
    let x = UnsafeRawPointer(a + i).loadUnaligned(as: SIMD8<Float>.self)
    let y = UnsafeRawPointer(b + i).loadUnaligned(as: SIMD8<Float>.self)
    sums += x * y
    i += 8
  }
  var sum = sums.sum()
  while i < count {
    sum += a[i] * b[i]
    i += 1
  }
  return sum
}
