#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The perplexity of predictions, `exp(mean(−log p))`, and its standard error, summed in double precision.
package struct Perplexity {
  package private(set) var count = 0
  private var sum = 0.0
  private var sumOfSquares = 0.0

  package init() {}

  /// Adds the prediction of token `next` from the logits before it. Complexity: two passes over the logits.
  package mutating func add(_ logits: UnsafeBufferPointer<Float>, next: Int) {
    precondition(logits.indices.contains(next))
    var largest = -Float.infinity
    for logit in logits where logit > largest { largest = logit }
    var total = 0.0
    for logit in logits { total += exp(Double(logit - largest)) }
    let loss = log(total) - Double(logits[next] - largest)
    count += 1
    sum += loss
    sumOfSquares += loss * loss
  }

  /// NaN before the first prediction.
  package var value: Double { exp(sum / Double(count)) }

  /// One standard deviation of `value`, the losses taken as independent; NaN for fewer than two predictions.
  package var standardError: Double {
    guard count > 1 else { return .nan }
    let mean = sum / Double(count)
    let variance = max(0, sumOfSquares / Double(count) - mean * mean)
    return (variance / Double(count - 1)).squareRoot() * value
  }
}
