import Foundation

/// How far one row of logits is from a reference, in the measures that the tests set limits on.
///
/// A NaN anywhere in the candidate makes every distance infinite, so `distance < limit` can never pass because of one.
package struct LogitsComparison: Equatable, Sendable {
  /// The largest distance of any logit.
  package let maxAbs: Double
  /// The root of the mean squared distance.
  package let rms: Double
  /// KL(reference ‖ candidate) of the two softmax distributions, in nats; 0 for equal rows.
  package let klDivergence: Double
  /// Whether both rows have their largest logit at the same token.
  package let sameArgmax: Bool
  /// How far the reference's best logit is ahead of its second; where it is small, `sameArgmax` may fail by rounding alone.
  package let referenceMargin: Double

  package init(reference: [Float], candidate: [Float]) {
    precondition(!reference.isEmpty && reference.count == candidate.count, "rows of different length")
    maxAbs = Logits.maxAbsDifference(reference, candidate)
    rms = Logits.rmsDifference(reference, candidate)
    klDivergence = Logits.klDivergence(reference: reference, candidate: candidate)
    sameArgmax = Logits.argmax(reference) == Logits.argmax(candidate)
    referenceMargin = Logits.topMargin(reference)
  }
}

/// Measures on rows of logits, computed in Double. Rows must have equal, nonzero length.
package enum Logits {
  /// The largest absolute difference; infinite if either row holds a NaN or they differ by an infinity.
  package static func maxAbsDifference(_ a: [Float], _ b: [Float]) -> Double {
    precondition(a.count == b.count, "rows of different length")
    var largest = 0.0
    for (x, y) in zip(a, b) where x != y {
      let difference = abs(Double(x) - Double(y))
      largest = difference.isNaN ? .infinity : max(largest, difference)
      if largest == .infinity { break }
    }
    return largest
  }

  /// The root of the mean squared difference; infinite if a difference is not finite.
  package static func rmsDifference(_ a: [Float], _ b: [Float]) -> Double {
    precondition(!a.isEmpty && a.count == b.count, "rows of different length")
    var sum = 0.0
    for (x, y) in zip(a, b) where x != y {
      let difference = Double(x) - Double(y)
      sum += difference * difference
    }
    return sum.isFinite ? (sum / Double(a.count)).squareRoot() : .infinity
  }

  /// KL(reference ‖ candidate) = Σ p · (ln p - ln q) over the softmax of each row, in nats; infinite if it is not finite.
  package static func klDivergence(reference: [Float], candidate: [Float]) -> Double {
    precondition(!reference.isEmpty && reference.count == candidate.count, "rows of different length")
    let logP = logSoftmax(reference)
    let logQ = logSoftmax(candidate)
    var sum = 0.0
    for (p, q) in zip(logP, logQ) where p > -.infinity {
      sum += exp(p) * (p - q)
    }
    // Rounding can leave a sum of about -1e-17 for equal rows.
    return sum.isFinite ? max(0, sum) : .infinity
  }

  /// The natural logarithm of each token's probability.
  package static func logSoftmax(_ logits: [Float]) -> [Double] {
    precondition(!logits.isEmpty, "an empty row")
    let largest = Double(logits.max() ?? 0)
    var sum = 0.0
    for logit in logits { sum += exp(Double(logit) - largest) }
    let shift = largest + log(sum)
    return logits.map { Double($0) - shift }
  }

  /// The index of the largest logit, the first where several are equal; NaN never wins.
  package static func argmax(_ logits: [Float]) -> Int {
    precondition(!logits.isEmpty, "an empty row")
    var best = 0
    for index in logits.indices where logits[index] > logits[best] || logits[best].isNaN {
      best = index
    }
    return best
  }

  /// The distance between the largest logit and the second largest; the row needs at least two.
  package static func topMargin(_ logits: [Float]) -> Double {
    precondition(logits.count >= 2, "a margin needs two logits")
    var first = -Float.infinity
    var second = -Float.infinity
    for logit in logits {
      if logit > first {
        (first, second) = (logit, first)
      } else if logit > second {
        second = logit
      }
    }
    return Double(first) - Double(second)
  }
}
