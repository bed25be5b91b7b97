import Transformer

/// From a module of a transformers model, as PEFT names it, to the tensor of a GGUF file that holds its weight.
///
/// Source: the name tables of gguf-py (`TensorNameMap`). Families differ in few names; those are beside the common ones.
struct ModuleNames: Sendable {
  struct Tensor: Equatable {
    /// With its `.weight`.
    let name: String
    /// nil: the whole tensor.
    let expert: Int?
  }

  private let architecture: String
  private let layerNames: [String: String]

  init(architecture: String) {
    self.architecture = architecture
    var names = Self.common.merging(Self.special[architecture] ?? [:]) { _, special in special }
    // Where it is fused, `ffn_up` is gate and up.
    if names["mlp.gate_up_proj"] != nil { names["mlp.up_proj"] = nil }
    layerNames = names
  }

  /// nil: the architecture has no tensor for such a module.
  func tensor(of module: String) -> Tensor? {
    let words = Self.unwrapped(module)
    if let name = Self.outside[words.joined(separator: ".")] {
      return Tensor(name: name + ".weight", expert: nil)
    }
    guard words.count > 3, words[0] == "model", words[1] == "layers", let layer = Self.number(words[2]) else {
      return nil
    }
    func tensor(_ name: String, _ expert: Int? = nil) -> Tensor {
      Tensor(name: "blk.\(layer).\(name).weight", expert: expert)
    }
    let rest = words[3...]
    if let name = layerNames[rest.joined(separator: ".")] { return tensor(name) }
    if rest.count == 4, let expert = Self.number(words[5]),
      let name = Self.experts["\(words[3]).\(words[4]).\(words[6])"]
    {
      return tensor(name, expert)
    }
    return nil
  }

  /// The words of a module's name as a model that makes text has them: without the wrappers of compilation and of models that
  /// also see images, and inside `model`, where training had only the inside.
  private static func unwrapped(_ module: String) -> [String] {
    var words = module.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    words.removeAll { $0 == "_orig_mod" || $0 == "language_model" }
    if let first = words.first, ["layers", "embed_tokens", "norm"].contains(first) {
      words.insert("model", at: 0)
    }
    return words
  }

  /// What a model has instead of a projection that the adapter has apart and the model fused with others, or the other way
  /// round: the last words of modules or tensors. nil: this is no such case.
  func otherProjections(of name: String, in weights: DecoderWeights) -> [String]? {
    let words = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let place = words.count - (words.last == "weight" ? 2 : 1)
    guard place >= 0 else { return nil }
    for (parts, whole) in Self.fused {
      let others = parts.contains(words[place]) ? [whole] : words[place] == whole ? parts : []
      let areThere = others.allSatisfy { other in
        let name = (words[..<place] + [other] + words[(place + 1)...]).joined(separator: ".")
        return weights.sites(named: tensor(of: name)?.name ?? name) != nil
      }
      if areThere, !others.isEmpty { return others }
    }
    return nil
  }

  /// Does the converter add 1 to norm weights, because the model multiplies with 1 + weight?
  var normsAreOffsets: Bool { ["gemma", "gemma2", "gemma3"].contains(architecture) }

  /// A layer or expert number as a model writes it: `0`, `12`, but not `+1` or `01`.
  private static func number(_ word: String) -> Int? {
    guard let number = Int(word), String(number) == word else { return nil }
    return number
  }

  private static let outside = [
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
  ]

  private static let common = [
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "block_sparse_moe.gate": "ffn_gate_inp", "mlp.gate": "ffn_gate_inp",
  ]

  /// Norms before and after each half of a layer.
  private static let sandwiched = [
    "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
  ]

  private static let special = [
    "gemma2": sandwiched, "gemma3": sandwiched, "olmo2": sandwiched,
    "phi3": ["self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up"],
  ]

  /// Projections that some families have apart and others in one matrix.
  private static let fused = [
    (["q_proj", "k_proj", "v_proj"], "qkv_proj"), (["gate_proj", "up_proj"], "gate_up_proj"),
    (["attn_q", "attn_k", "attn_v"], "attn_qkv"),
  ]

  private static let experts = [
    "block_sparse_moe.experts.w1": "ffn_gate_exps", "block_sparse_moe.experts.w2": "ffn_down_exps",
    "block_sparse_moe.experts.w3": "ffn_up_exps", "mlp.experts.gate_proj": "ffn_gate_exps",
    "mlp.experts.up_proj": "ffn_up_exps", "mlp.experts.down_proj": "ffn_down_exps",
  ]
}
