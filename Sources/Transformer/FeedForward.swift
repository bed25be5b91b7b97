/// The second half of a layer: `Wdown · (silu(Wgate·x) × Wup·x)`, once, or by those experts that a router chooses.
enum FeedForward: Sendable {
  case dense(gate: Linear, up: Linear, down: Linear)
  /// The same with one matrix whose rows are those of gate, then up.
  case fused(gateAndUp: Linear, down: Linear)
  case experts(ExpertLayer)
}

/// A mixture of experts: a router with one score for each expert, and the experts' matrices, by expert.
struct ExpertLayer: Sendable {
  let router: Linear
  let gate: [Linear]
  let up: [Linear]
  let down: [Linear]
}

extension WeightLoader {
  /// The feed-forward matrices of a layer: `ffn_gate`, `ffn_up`, `ffn_down`, or where the model has experts the router
  /// `ffn_gate_inp` and the stacks `ffn_gate_exps`, `ffn_up_exps`, `ffn_down_exps`.
  mutating func feedForward(_ prefix: String) throws -> FeedForward {
    let model = hyperparameters.embeddingLength
    guard let experts = hyperparameters.experts else {
      let inner = hyperparameters.feedForwardLength
      return .dense(
        gate: try linear("\(prefix).ffn_gate", inputs: model, outputs: inner),
        up: try linear("\(prefix).ffn_up", inputs: model, outputs: inner),
        down: try linear("\(prefix).ffn_down", inputs: inner, outputs: model))
    }
    let inner = experts.feedForwardLength
    return .experts(
      ExpertLayer(
        router: try linear("\(prefix).ffn_gate_inp", inputs: model, outputs: experts.count),
        gate: try stack("\(prefix).ffn_gate_exps", inputs: model, outputs: inner, count: experts.count),
        up: try stack("\(prefix).ffn_up_exps", inputs: model, outputs: inner, count: experts.count),
        down: try stack("\(prefix).ffn_down_exps", inputs: inner, outputs: model, count: experts.count)))
  }
}
