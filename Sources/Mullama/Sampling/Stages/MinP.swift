/// Keeps candidates whose probability is at least a share of the best one's. Source: Nguyen et al., "Turning Up the
/// Heat: Min-p Sampling" (2024).
struct MinP: CandidateFilter {
  /// ln(share): how far under the best logit a candidate may be.
  private let margin: Float

  /// Nil when the share is 0.
  init?(_ options: SamplingOptions) {
    guard options.minP > 0 else { return nil }
    margin = Float(PortableMath.log(Double(options.minP)))
  }

  func apply(to candidates: inout Candidates) {
    candidates.removeAll(below: candidates.maximum + margin)
  }
}
