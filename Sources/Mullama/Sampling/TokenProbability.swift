/// A token and the natural logarithm of its probability.
public struct TokenProbability: Sendable, Equatable {
  public let token: Int32
  public let logProbability: Float

  public init(token: Int32, logProbability: Float) {
    self.token = token
    self.logProbability = logProbability
  }
}

/// The softmax of logits in logarithms: ln pᵢ = xᵢ - max - ln Σ exp(xⱼ - max).
///
/// Made once for a row of logits, it gives the log-probability of any token. Subtracting the largest logit first keeps
/// large logits from overflowing. It describes the logits as they are: before `Sampler.sample` edits them, the model's.
package struct LogSoftmax: Sendable {
  private let maximum: Double
  private let logSum: Double

  /// - Throws: `notANumber`, `infinite` or `everyTokenForbidden`.
  /// - Complexity: O(n), with an exponential for each logit.
  package init(of logits: Span<Float>) throws(SamplingError) {
    let largest = try LogitScan.largest(in: logits).logit
    maximum = Double(largest)
    logSum = PortableMath.log(
      PortableMath.sumOfExponentials(logits.count, minus: largest) { logits[$0] })
  }

  /// ln p of a token with this logit; minus infinity for a forbidden one.
  package func logProbability(ofLogit logit: Float) -> Float {
    Float(Double(logit) - maximum - logSum)
  }

  /// The `count` most probable tokens, best first, lower id first on ties; fewer if fewer are possible.
  ///
  /// - Parameter logits: the ones this softmax was made of.
  package func top(_ count: Int, of logits: Span<Float>) throws(SamplingError) -> [TokenProbability] {
    let limit = min(count, logits.count)
    guard limit > 0 else { return [] }
    var candidates = Candidates(capacity: limit)
    try candidates.selectBest(limit, from: logits)
    return (0..<candidates.count).map { rank in
      let candidate = candidates[rank]
      return TokenProbability(
        token: candidate.token, logProbability: logProbability(ofLogit: candidate.logit))
    }
  }
}

/// The log-probabilities of the `count` most probable tokens, best first. Allocates its result.
///
/// - Throws: `notANumber`, `infinite` or `everyTokenForbidden`.
package func topLogProbabilities(of logits: Span<Float>, count: Int) throws(SamplingError)
  -> [TokenProbability]
{
  try LogSoftmax(of: logits).top(count, of: logits)
}
