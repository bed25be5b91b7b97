import ArgumentParser

/// What `bench` measures.
struct BenchPlan {
  /// Tokens of the prompt.
  var prompt: Int
  /// Tokens decoded behind it, of each sequence.
  var generate: Int
  /// Tokens in the cache before the prompt.
  var depth: Int
  /// How many sequences are decoded at once, one measurement after the other.
  var batches: [Int]

  /// Positions of the longest sequence.
  var length: Int { depth + prompt + generate }
  var largestBatch: Int { batches.max() ?? 1 }
}

/// Numbers of sequences: `8` or `1,4,8`.
package struct BatchList: ExpressibleByArgument, Equatable, CustomStringConvertible {
  package let values: [Int]

  package init(_ values: [Int]) { self.values = values }

  /// nil unless each number is in 1...256 and appears once.
  package init?(argument: String) {
    var values: [Int] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let value = Int(part), (1...256).contains(value), !values.contains(value) else { return nil }
      values.append(value)
    }
    self.values = values
  }

  package var description: String { values.map(String.init).joined(separator: ",") }
  package var defaultValueDescription: String { description }
}
