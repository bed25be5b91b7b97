import Kernels
import Transformer

/// Adapters fitted to one model: every factor's shape checked, its site found, its effective scale computed once.
package enum AdapterBinding {
  /// One adapter and the scale a user asked for.
  package struct Entry: Sendable {
    package let adapter: Adapter
    package let scale: Float

    package init(_ adapter: Adapter, scale: Float) {
      self.adapter = adapter
      self.scale = scale
    }
  }

  /// Everything that keeps an adapter from being applied to a model, in the order of its tensors; empty: it fits.
  package static func problems(_ adapter: Adapter, _ decoder: Decoder) -> [AdapterError] {
    guard adapter.architecture == decoder.hyperparameters.architecture else {
      return [
        .wrongArchitecture(
          adapter: adapter.path, expected: decoder.hyperparameters.architecture, found: adapter.architecture)
      ]
    }
    return adapter.pairs.compactMap { problem($0, adapter, decoder) }
  }

  /// Binds adapters to a model as one set; nil where nothing is left to add (all scales 0), so that scale 0 *is* the
  /// base model. The order of `entries` does not matter: the same adapters and scales make the same set.
  ///
  /// - Complexity: O(pairs); no factor is copied.
  package static func bind(_ entries: [Entry], to decoder: Decoder) throws(AdapterError) -> AdapterSet? {
    for entry in entries {
      guard entry.scale.isFinite else { throw .invalidScale(adapter: entry.adapter.path, scale: entry.scale) }
      if let first = problems(entry.adapter, decoder).first { throw first }
    }
    let sorted = entries.filter { $0.scale != 0 }.map {
      (key: "\($0.adapter.contentHash)@\($0.scale)", entry: $0)
    }
    .sorted { $0.key < $1.key }
    var segments = [[LowRankDelta.Segment]](repeating: [], count: decoder.weights.sites.count)
    for (_, entry) in sorted {
      for pair in entry.adapter.pairs {
        let scale = entry.adapter.effectiveScale(of: pair, scale: entry.scale)
        guard scale.isFinite else { throw .invalidScale(adapter: entry.adapter.path, scale: scale) }
        guard scale != 0, let site = decoder.site(named: pair.tensor) else { continue }
        segments[site].append(LowRankDelta.Segment(a: pair.a, b: pair.b, scale: scale))
      }
    }
    if segments.allSatisfy(\.isEmpty) { return nil }
    return AdapterSet(
      id: sorted.map(\.key).joined(separator: "+"),
      deltas: DeltaSet(sites: segments.map { $0.isEmpty ? nil : LowRankDelta(segments: $0) }))
  }

  private static func problem(_ pair: Adapter.Pair, _ adapter: Adapter, _ decoder: Decoder) -> AdapterError? {
    guard let index = decoder.site(named: pair.tensor) else {
      return .unknownTarget(adapter: adapter.path, tensor: pair.tensor)
    }
    let site = decoder.weights.sites[index]
    func mismatch(_ half: String, _ expected: [Int], _ found: [Int]) -> AdapterError? {
      expected == found
        ? nil
        : .shapeMismatch(adapter: adapter.path, tensor: pair.tensor + half, expected: expected, found: found)
    }
    let limit = largestRank(decoder)
    if site.kind != .norm, pair.rank > limit {
      return .rankTooLarge(adapter: adapter.path, tensor: pair.tensor, limit: limit, found: pair.rank)
    }
    switch site.kind {
    case .norm:
      return .unsupportedTarget(
        adapter: adapter.path, tensor: pair.tensor, reason: "it is a norm, which has no low-rank form")
    case .embedding:
      // `site.inputs` is the embedding's length, `site.outputs` the number of tokens.
      let expected = [pair.rank, site.outputs]
      if pair.aDimensions != expected, pair.aDimensions == [site.outputs, pair.rank] {
        return .notTransposed(
          adapter: adapter.path, tensor: pair.tensor + ".lora_a", expected: expected, found: pair.aDimensions)
      }
      return mismatch(".lora_a", expected, pair.aDimensions)
        ?? mismatch(".lora_b", [pair.rank, site.inputs], pair.bDimensions)
    case .linear, .output:
      return mismatch(".lora_a", [site.inputs, pair.rank], pair.aDimensions)
        ?? mismatch(".lora_b", [pair.rank, site.outputs], pair.bDimensions)
    }
  }

  /// A factor's rows are read through scratch memory made for the model's own: longer ones would not fit. No matrix has
  /// a greater rank than its inputs, so nothing is lost.
  private static func largestRank(_ decoder: Decoder) -> Int {
    let h = decoder.hyperparameters
    return min(1 << 16, max(h.embeddingLength, h.feedForwardLength, h.queryLength))
  }
}
