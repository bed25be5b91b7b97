/// The step from logits to candidates: the k best, sorted, or all of them when top-k is off.
///
/// Forbidden tokens (minus infinity) are never selected, so fewer than k may be.
struct TopK: Sendable {
  /// How many candidates can be selected; storage for so many is enough.
  let limit: Int
  private let takesAll: Bool

  init(_ options: SamplingOptions, vocabularyCount: Int) {
    takesAll = options.topK == 0 || options.topK >= vocabularyCount
    limit = takesAll ? vocabularyCount : options.topK
  }

  /// - Throws: `notANumber`, `infinite` or `everyTokenForbidden`.
  func select(from logits: Span<Float>, into candidates: inout Candidates) throws(SamplingError) {
    if takesAll {
      try candidates.selectAll(from: logits)
    } else {
      try candidates.selectBest(limit, from: logits)
    }
  }
}
