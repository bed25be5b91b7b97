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
    let total = candidates.totalWeight
    // Candidates lighter than half an equal share of 1 - p weigh less than (1 - p) / 2 together: the others reach p
    // without them, far beyond rounding. Dropping them first spares them the sort.
    let share = (1 - probability) / 2 * total / Double(candidates.count)
    candidates.removeAll(below: candidates.maximum + Float(PortableMath.log(share)))
    let target = probability * total
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
