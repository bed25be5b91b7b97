/// Qwen2 and Qwen2.5: as Llama, with biases on q, k and v, and rotary halves. Source: Yang et al. 2024.
enum Qwen2Architecture: Architecture {
  static let interleavedRotary = false

  static func layer(_ prefix: String, _ loader: inout WeightLoader) throws -> DecoderLayer {
    try halvesLayer(prefix, &loader, headNorms: false)
  }
}

/// Qwen3: no biases, an RMS norm over each head's query and key. Source: Qwen Team 2025.
enum Qwen3Architecture: Architecture {
  static let interleavedRotary = false

  static func layer(_ prefix: String, _ loader: inout WeightLoader) throws -> DecoderLayer {
    try halvesLayer(prefix, &loader, headNorms: true)
  }
}

/// A layer of the Qwen family, whose rotary pairs are halves of a head.
func halvesLayer(_ prefix: String, _ loader: inout WeightLoader, headNorms: Bool) throws
  -> DecoderLayer
{
  let h = loader.hyperparameters
  let model = h.embeddingLength
  return try DecoderLayer(
    attentionNorm: loader.norm("\(prefix).attn_norm", count: model),
    projections: .separate(
      query: loader.linear("\(prefix).attn_q", inputs: model, outputs: h.queryLength),
      key: loader.linear("\(prefix).attn_k", inputs: model, outputs: h.kvLength),
      value: loader.linear("\(prefix).attn_v", inputs: model, outputs: h.kvLength)),
    queryNorm: headNorms ? loader.norm("\(prefix).attn_q_norm", count: h.headSize) : nil,
    keyNorm: headNorms ? loader.norm("\(prefix).attn_k_norm", count: h.headSize) : nil,
    attentionOutput: loader.linear("\(prefix).attn_output", inputs: h.queryLength, outputs: model),
    feedForwardNorm: loader.norm("\(prefix).ffn_norm", count: model),
    feedForward: loader.feedForward(prefix))
}
