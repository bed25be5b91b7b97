/// A step that edits the logits of some tokens in place, before any is dropped.
protocol LogitAdjustment: Sendable {
  func apply(to logits: inout MutableSpan<Float>)

  /// Learns a token of the context; only adjustments with a memory implement it.
  mutating func accept(_ token: Int32)
}

extension LogitAdjustment {
  mutating func accept(_ token: Int32) {}
}

/// A step that drops or reshapes candidates. It leaves at least the best one.
protocol CandidateFilter: Sendable {
  func apply(to candidates: inout Candidates)
}

/// The stages of one sampler in the order they run: adjustments, selection, filters.
///
/// A new stage is one file and one line in `init`. A stage that its options switch off makes itself nil, so a step
/// pays only for what is on.
struct SamplerPipeline: Sendable {
  var adjustments: [any LogitAdjustment]
  let selection: TopK
  let filters: [any CandidateFilter]

  init(_ options: SamplingOptions, vocabularyCount: Int) throws(SamplingError) {
    let adjustments: [(any LogitAdjustment)?] = [
      Penalties(options, vocabularyCount: vocabularyCount),
      try LogitBias(options, vocabularyCount: vocabularyCount),
    ]
    let filters: [(any CandidateFilter)?] = [
      TopP(options),
      MinP(options),
      Temperature(options),
    ]
    self.adjustments = adjustments.compactMap(\.self)
    self.selection = TopK(options, vocabularyCount: vocabularyCount)
    self.filters = filters.compactMap(\.self)
  }
}
