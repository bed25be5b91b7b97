/// One block of a decoder: attention, then a gated feed-forward network or a mixture of them, each normalised before
/// and added to the residual stream.
package struct DecoderLayer: Sendable {
  let attentionNorm: Norm
  let query: Linear
  let key: Linear
  let value: Linear
  /// Norms over each head's query and key, before rotation.
  let queryNorm: Norm?
  let keyNorm: Norm?
  let attentionOutput: Linear
  let feedForwardNorm: Norm
  let feedForward: FeedForward
}
