import Kernels

extension Decoder {
  /// `hidden += Σ weightₑ · Wdownₑ · (silu(Wgateₑ·x) × Wupₑ·x)` with `x = normed`, over the experts that the router chooses
  /// for each token.
  ///
  /// Rows are gathered by expert, so that each expert's weights are read once a pass; a pass takes as many rows as the
  /// buffers hold. Gate and up of all its experts are one parallel region, down another.
  func mixture(_ layer: ExpertLayer, _ rows: BatchRows, _ s: DecoderState) {
    guard let experts = s.experts else { preconditionFailure("activations of a model without experts") }
    let routing = experts.routing
    s.apply(layer.router, s.normed, into: experts.scores, rows)
    s.workspace.route(experts.scores, tokens: rows.count, routing)
    for pass in routing.passes {
      s.workspace.gather(s.normed, routing, pass, into: experts.gathered)
      experts.begin(pass, rows)
      let inner = experts.parts(pass, layer.gate, into: s.gate, layer.up, into: s.up)
      s.apply(inner, experts.gathered, rows: pass.rows.count, width: routing.width, runs: experts.runs)
      s.workspace.siluMultiply(s.gate, s.up, rows: pass.rows.count)
      let outer = experts.parts(pass, layer.down, into: experts.gathered)
      s.apply(outer, s.gate, rows: pass.rows.count, width: routing.width, runs: experts.runs)
      s.workspace.combine(experts.gathered, routing, pass, tokens: rows.count, to: s.hidden)
    }
    experts.end()
  }
}
