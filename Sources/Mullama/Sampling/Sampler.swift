/// Chooses tokens from logits by one set of options; holds the random state and the penalties' memory.
///
/// All memory is taken at init: `sample` and `accept` allocate nothing, unless the sampler was copied (a copy shares
/// storage until one of the two is used). Given the seed and the same logits, every machine chooses the same tokens:
/// see `RandomGenerator` and `PortableMath`.
package struct Sampler: Sendable {
  /// The seed in use: the one from the options, or the random one taken in its place.
  package let seed: UInt64

  private let vocabularyCount: Int
  private let isGreedy: Bool
  private var generator: RandomGenerator
  private var pipeline: SamplerPipeline
  private var candidates: Candidates

  /// - Parameter vocabularyCount: the number of logits, above 0.
  /// - Throws: `outOfRange` or `unknownToken`.
  package init(_ options: SamplingOptions, vocabularyCount: Int) throws(SamplingError) {
    precondition(vocabularyCount > 0 && vocabularyCount <= Int(Int32.max))
    try options.validate()
    self.vocabularyCount = vocabularyCount
    seed = options.seed ?? .random(in: .min ... .max)
    isGreedy = options.temperature == 0
    generator = RandomGenerator(seed: seed)
    pipeline = try SamplerPipeline(options, vocabularyCount: vocabularyCount)
    candidates = Candidates(capacity: isGreedy ? 0 : pipeline.selection.limit)
  }

  /// Chooses a token. It does not join the penalties' history until `accept` is called with it.
  ///
  /// Penalties and bias edit `logits` in place, so take log-probabilities of the model before. Takes one number from
  /// the random sequence for each token, however many candidates there are; none when greedy.
  ///
  /// - Parameter logits: one for each token of the vocabulary.
  /// - Throws: `notANumber`, `infinite` or `everyTokenForbidden`; the random sequence has not advanced then.
  /// - Complexity: one pass over the logits; see `Candidates`.
  package mutating func sample(_ logits: inout MutableSpan<Float>) throws(SamplingError) -> Int32 {
    if isGreedy {
      return try greedyChoice(&logits).token
    }
    try narrow(&logits)
    return candidates.draw(at: generator.nextUnit())
  }

  /// The distribution that `sample` would draw from, most probable first; takes nothing from the random sequence.
  ///
  /// Edits `logits` like `sample`. Allocates its result, and sorts it: meant for checks, not for every token.
  package mutating func distribution(
    _ logits: inout MutableSpan<Float>
  ) throws(SamplingError) -> [TokenProbability] {
    if isGreedy {
      return [TokenProbability(token: try greedyChoice(&logits).token, logProbability: 0)]
    }
    try narrow(&logits)
    candidates.sort(upTo: candidates.count)
    let logTotal = PortableMath.log(candidates.totalWeight)
    return (0..<candidates.count).map { rank in
      let candidate = candidates[rank]
      let relative = Double(candidate.logit) - Double(candidates.maximum)
      return TokenProbability(token: candidate.token, logProbability: Float(relative - logTotal))
    }
  }

  /// Adds a token of the context to the penalties' history. Whether the prompt's tokens count is the caller's choice.
  package mutating func accept(_ token: Int32) {
    precondition((0..<vocabularyCount).contains(Int(token)))
    for index in pipeline.adjustments.indices {
      pipeline.adjustments[index].accept(token)
    }
  }

  private func adjust(_ logits: inout MutableSpan<Float>) {
    precondition(logits.count == vocabularyCount)
    for adjustment in pipeline.adjustments {
      adjustment.apply(to: &logits)
    }
  }

  private func greedyChoice(_ logits: inout MutableSpan<Float>) throws(SamplingError) -> Candidate {
    adjust(&logits)
    return try LogitScan.largest(in: logits.span)
  }

  /// Leaves in `candidates` the tokens to draw from, with their final logits.
  private mutating func narrow(_ logits: inout MutableSpan<Float>) throws(SamplingError) {
    adjust(&logits)
    try pipeline.selection.select(from: logits.span, into: &candidates)
    for filter in pipeline.filters {
      filter.apply(to: &candidates)
    }
  }
}
