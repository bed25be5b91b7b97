/// Repeated measurements of one thing: the median with the least and the largest.
package struct Samples: Equatable, Sendable {
  package let values: [Double]

  /// At least one value.
  package init(_ values: [Double]) {
    precondition(!values.isEmpty)
    self.values = values
  }

  package var minimum: Double { values.min() ?? .nan }
  package var maximum: Double { values.max() ?? .nan }

  package var median: Double {
    let sorted = values.sorted(), middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
