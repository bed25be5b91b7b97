/// A tensor's name in `adapter_model.safetensors`, taken apart: the module, and what of it the tensor is.
///
/// `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight` is the factor A of
/// `model.layers.0.self_attn.q_proj`. Names that hold the adapter's name (`lora_A.default.weight`), as older versions of
/// PEFT wrote them, mean the same.
struct PEFTTensorName: Equatable {
  enum Part: Hashable {
    case a, b, factorBias, embeddingA, embeddingB, magnitude
    /// The whole of a module's weight or bias (`modules_to_save`, trained biases).
    case weight, bias
    /// The base module's bias beside factors; trained if the configuration says so.
    case baseBias
    case trainedTokens
    /// The base module's weight beside factors: a copy of what the base model has, but for tokens that were added to it.
    case baseWeight
    /// A copy of what the base model has, or of use in training only (VeLoRA's projections, which compress what is kept for the
    /// way back).
    case unused
  }

  let module: String
  let part: Part

  private static let prefix = "base_model.model."

  /// nil: a name of no known form.
  init?(_ name: String) {
    let text = name.hasPrefix(Self.prefix) ? String(name.dropFirst(Self.prefix.count)) : name
    let words = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let marker = words.lastIndex { Self.markers.contains($0) }
    guard let marker else {
      // The parameters of fused experts stand in no module of their own.
      if FusedExperts.isParameter(text) {
        module = text
        part = .weight
        return
      }
      // A factor of some other kind is no module's weight.
      guard words.count > 1, let part = Self.plain(words[words.count - 1]),
        !words.contains(where: { $0.hasPrefix("lora_") })
      else { return nil }
      module = words.dropLast().joined(separator: ".")
      self.part = part
      return
    }
    guard marker > 0, let part = Self.part(words[marker], Array(words[(marker + 1)...])) else { return nil }
    var owner = words[..<marker]
    if owner.last == "token_adapter" { owner.removeLast() }
    guard !owner.isEmpty else { return nil }
    module = owner.joined(separator: ".")
    self.part = part
  }

  private static let markers: Set<String> = [
    "lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector", "base_layer",
    "modules_to_save", "original_module", "trainable_tokens_delta", "trainable_tokens_original",
    "lora_velora_embed",
  ]

  private static func plain(_ word: String) -> Part? {
    switch word {
    case "weight": .weight
    case "bias": .bias
    default: nil
    }
  }

  /// `rest`: what follows the marker; perhaps an adapter's name, then perhaps `weight` or `bias`.
  private static func part(_ marker: String, _ rest: [String]) -> Part? {
    guard rest.count <= 2, rest.count < 2 || plain(rest[1]) != nil else { return nil }
    let last = rest.last.flatMap(plain)
    switch marker {
    case "lora_A": return last == .weight ? .a : nil
    case "lora_B": return last == .weight ? .b : last == .bias ? .factorBias : nil
    case "lora_embedding_A": return last == .bias ? nil : .embeddingA
    case "lora_embedding_B": return last == .bias ? nil : .embeddingB
    case "lora_magnitude_vector": return last == .bias ? nil : .magnitude
    case "trainable_tokens_delta": return last == nil ? .trainedTokens : nil
    case "modules_to_save": return last
    case "base_layer":
      return last == .bias && rest.count == 1 ? .baseBias : last == .weight ? .baseWeight : nil
    default: return .unused
    }
  }
}
