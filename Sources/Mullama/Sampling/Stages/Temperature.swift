/// Flattens (above 1) or sharpens (below 1) what is left: logits are divided by the temperature.
struct Temperature: CandidateFilter {
  private let temperature: Float

  /// Nil at 1, and at 0, where nothing is drawn.
  init?(_ options: SamplingOptions) {
    guard options.temperature > 0, options.temperature != 1 else { return nil }
    temperature = options.temperature
  }

  func apply(to candidates: inout Candidates) {
    candidates.rescale(dividingBy: temperature)
  }
}
