/// Adds a fixed amount to the logits of chosen tokens; minus infinity forbids one.
struct LogitBias: LogitAdjustment {
  private let biases: [Candidate]

  /// Nil without biases.
  ///
  /// - Throws: `unknownToken` for a token outside the vocabulary.
  init?(_ options: SamplingOptions, vocabularyCount: Int) throws(SamplingError) {
    guard !options.logitBias.isEmpty else { return nil }
    let tokens = options.logitBias.keys.sorted()
    if let token = tokens.first(where: { !(0..<vocabularyCount).contains(Int($0)) }) {
      throw .unknownToken(token: token, vocabularyCount: vocabularyCount)
    }
    biases = options.logitBias.map { Candidate(token: $0.key, logit: $0.value) }
  }

  func apply(to logits: inout MutableSpan<Float>) {
    for bias in biases {
      logits[Int(bias.token)] += bias.logit
    }
  }
}
