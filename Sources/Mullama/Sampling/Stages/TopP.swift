/// Keeps the nucleus: the shortest run of best candidates whose probabilities sum to at least p. Source: Holtzman et
/// al., "The Curious Case of Neural Text Degeneration" (2020).
///
/// Probabilities are among the candidates that reach this stage. The best always stays, even for p = 0.
struct TopP: CandidateFilter {
  private let probability: Double

  /// Nil when p is 1.
  init?(_ options: SamplingOptions) {
    guard options.topP < 1 else { return nil }
    probability = Double(options.topP)
  }

  func apply(to candidates: inout Candidates) {
    let target = probability * candidates.totalWeight
    var sum = 0.0
    for rank in 0..<candidates.count {
      candidates.sort(upTo: rank + 1)
      sum += candidates.weight(of: candidates[rank])
      if sum >= target {
        candidates.truncate(to: rank + 1)
        return
      }
    }
  }
}
