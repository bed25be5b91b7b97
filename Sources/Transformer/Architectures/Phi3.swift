/// Phi-3, Phi-3.5 and Phi-4-mini: as Llama, with q, k and v in one matrix and gate and up in another, rotary halves, often
/// of a part of each head, and a window over the positions that a token sees. Source: Abdin et al. 2024.
enum Phi3Architecture: Architecture {
  static let interleavedRotary = false
  static let hasWindow = true

  static func layer(_ prefix: String, _ loader: inout WeightLoader) throws -> DecoderLayer {
    let h = loader.hyperparameters
    let model = h.embeddingLength, inner = h.feedForwardLength
    return try DecoderLayer(
      attentionNorm: loader.norm("\(prefix).attn_norm", count: model),
      projections: .fused(
        loader.linear("\(prefix).attn_qkv", inputs: model, outputs: h.queryLength + 2 * h.kvLength)),
      queryNorm: nil,
      keyNorm: nil,
      attentionOutput: loader.linear("\(prefix).attn_output", inputs: h.queryLength, outputs: model),
      feedForwardNorm: loader.norm("\(prefix).ffn_norm", count: model),
      feedForward: .fused(
        gateAndUp: loader.linear("\(prefix).ffn_up", inputs: model, outputs: 2 * inner),
        down: loader.linear("\(prefix).ffn_down", inputs: inner, outputs: model)))
  }
}
