/// One block of a decoder: attention, then a gated feed-forward network or a mixture of them, each normalised before
/// and added to the residual stream.
package struct DecoderLayer: Sendable {
  let attentionNorm: Norm
  let projections: Projections
  /// Norms over each head's query and key, before rotation.
  let queryNorm: Norm?
  let keyNorm: Norm?
  let attentionOutput: Linear
  let feedForwardNorm: Norm
  let feedForward: FeedForward
}

/// The matrices that make queries, keys and values.
enum Projections: Sendable {
  case separate(query: Linear, key: Linear, value: Linear)
  /// One matrix whose rows are those of q, then k, then v. It stays one, with one site: adapters of it are made for all of
  /// its rows.
  case fused(Linear)
}
