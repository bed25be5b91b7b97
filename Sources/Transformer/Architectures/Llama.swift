/// Llama, Mistral, Mixtral, SmolLM and their kin: RMS norms, grouped-query attention, SwiGLU or experts of that kind.
/// Source: Touvron et al. 2023; Jiang et al. 2024.
///
/// The GGUF converter reorders the rows of q and k so that rotary pairs are neighbours.
enum LlamaArchitecture: Architecture {
  static let interleavedRotary = true
  static let experts = ExpertRule.optional

  static func layer(_ prefix: String, _ loader: inout WeightLoader) throws -> DecoderLayer {
    let h = loader.hyperparameters
    let model = h.embeddingLength
    return try DecoderLayer(
      attentionNorm: loader.norm("\(prefix).attn_norm", count: model),
      projections: .separate(
        query: loader.linear(
          "\(prefix).attn_q", inputs: model, outputs: h.queryLength,
          rowOrder: .rotaryPairs(heads: h.headCount)),
        key: loader.linear(
          "\(prefix).attn_k", inputs: model, outputs: h.kvLength, rowOrder: .rotaryPairs(heads: h.kvHeadCount)
        ),
        value: loader.linear("\(prefix).attn_v", inputs: model, outputs: h.kvLength)),
      queryNorm: nil,
      keyNorm: nil,
      attentionOutput: loader.linear("\(prefix).attn_output", inputs: h.queryLength, outputs: model),
      feedForwardNorm: loader.norm("\(prefix).ffn_norm", count: model),
      feedForward: loader.feedForward(prefix))
  }
}
