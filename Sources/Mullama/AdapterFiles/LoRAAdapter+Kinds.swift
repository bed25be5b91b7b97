import LoRA

extension LoRAAdapter {
  /// What kinds of change it makes.
  public enum Kind: String, Sendable, CaseIterable {
    /// Pairs of factors scaled by alpha / rank, or by the user alone.
    case lora = "LoRA"
    /// Pairs of factors scaled by alpha / √rank.
    case rankStabilized = "rsLoRA"
    /// Pairs with magnitudes.
    case magnitudes = "DoRA"
    /// It acts from an invocation sequence on.
    case activated = "aLoRA"
    case factorBiases = "biases of factors"
    case experts = "experts"
    case embedding = "token embedding"
    case replacedMatrices = "replaced matrices"
    case trainedTokens = "trained tokens"
    case norms = "norms"
    case biases = "biases"
  }

  /// The kinds that occur, in the order of `Kind`.
  public var kinds: [Kind] {
    var found: Set<Kind> = adapter.invocationTokens == nil ? [] : [.activated]
    for change in adapter.changes {
      switch change {
      case .lowRank(let pair): found.formUnion(Self.kinds(pair))
      case .matrix(let tensor, _, let expert, _):
        found.insert(.replacedMatrices)
        if expert != nil || Self.isOfExperts(tensor) { found.insert(.experts) }
      case .rows: found.insert(.trainedTokens)
      case .norm: found.insert(.norms)
      case .bias: found.insert(.biases)
      }
    }
    return Kind.allCases.filter { found.contains($0) }
  }

  /// PEFT names experts by module, GGUF by a number in a stack.
  private static func isOfExperts(_ tensor: String) -> Bool {
    tensor.split(separator: ".").contains("experts")
  }

  private static func kinds(_ pair: LowRankPair) -> Set<Kind> {
    var found: Set<Kind> = [.lora]
    if case .rankStabilized = pair.scaling { found = [.rankStabilized] }
    if pair.magnitude != nil { found.insert(.magnitudes) }
    if pair.bias != nil { found.insert(.factorBiases) }
    if pair.part != .matrix || isOfExperts(pair.tensor) { found.insert(.experts) }
    if pair.tensor == "token_embd.weight" || pair.tensor.hasSuffix("embed_tokens") {
      found.insert(.embedding)
    }
    return found
  }
}
