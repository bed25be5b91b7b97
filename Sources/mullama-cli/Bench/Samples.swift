/// Repeated measurements of one thing.
package struct Samples: Equatable, Sendable {
  package let values: [Double]

  /// At least one value.
  package init(_ values: [Double]) {
    precondition(!values.isEmpty)
    self.values = values
  }

  package var minimum: Double { values.min() ?? .nan }
  package var maximum: Double { values.max() ?? .nan }

  package var mean: Double { values.reduce(0, +) / Double(values.count) }

  /// Of the mean, if the values do not depend on each other; nil for a single one.
  package var standardError: Double? {
    guard values.count > 1 else { return nil }
    let mean = mean
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double((values.count - 1) * values.count)).squareRoot()
  }

  package var median: Double {
    let sorted = values.sorted(), middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
