import GGUF

extension Hyperparameters {
  /// A mixture of experts in every layer.
  package struct Experts: Sendable, Equatable {
    package let count: Int
    /// Experts that the router chooses for a token.
    package let used: Int
    /// Inner values of one expert.
    package let feedForwardLength: Int
  }
}

extension Hyperparameters.Experts {
  /// nil where the file has no experts.
  ///
  /// - Parameter feedForwardLength: an expert's, where no key of its own says it.
  /// - Throws: `invalidHyperparameter`, also for what other mixtures have and this decoder has not: shared experts, dense
  ///   layers between, groups, scores that are no softmax.
  init?(
    _ file: GGUFFile, architecture: String, rule: ExpertRule, feedForwardLength length: Int
  ) throws {
    let metadata = file.metadata
    func invalid(_ name: String, _ expected: String, _ found: String) -> ModelError {
      .invalidHyperparameter(
        file: file.path, key: "\(architecture).\(name)", expected: expected, found: found)
    }
    func integer(_ name: String, _ range: ClosedRange<Int>, _ note: String = "") throws -> Int? {
      guard let found = try metadata.int("\(architecture).\(name)") else { return nil }
      guard range.contains(found) else {
        let expected =
          range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
        throw invalid(name, expected + note, "\(found)")
      }
      return found
    }
    let count: Int
    switch rule {
    case .none:
      _ = try integer("expert_count", 0...0, ": experts of this architecture are not supported")
      return nil
    case .optional:
      count = try integer("expert_count", 0...1024) ?? 0
      if count == 0 { return nil }
    case .required:
      guard let found = try integer("expert_count", 1...1024) else {
        throw invalid("expert_count", "1 to 1024", "nothing")
      }
      count = found
    }
    guard let used = try integer("expert_used_count", 1...count) else {
      throw invalid("expert_used_count", "1 to \(count)", "nothing")
    }
    _ = try integer("expert_shared_count", 0...0, ": shared experts are not supported")
    _ = try integer("leading_dense_block_count", 0...0, ": dense layers before the experts are not supported")
    _ = try integer(
      "interleave_moe_layer_step", 0...1, ": dense layers between the experts are not supported")
    _ = try integer("expert_group_count", 0...1, ": groups of experts are not supported")
    _ = try integer("expert_gating_func", 1...1, " (softmax): other scores are not supported")
    if let isNormalised = try metadata.bool("\(architecture).expert_weights_norm"), !isNormalised {
      throw invalid("expert_weights_norm", "true: weights that do not add up to 1 are not supported", "false")
    }
    if let scale = try metadata.float("\(architecture).expert_weights_scale"), scale != 0, scale != 1 {
      throw invalid("expert_weights_scale", "1: scaled weights are not supported", "\(scale)")
    }
    self.count = count
    self.used = used
    feedForwardLength =
      try integer("expert_feed_forward_length", 1...Hyperparameters.largestSize) ?? length
  }
}
