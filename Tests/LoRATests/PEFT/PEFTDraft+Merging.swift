import GGUF
import LoRA
import TestSupport

extension PEFTDraft {
  /// The model with this adapter added into its weights, float32: what running it unmerged must equal.
  ///
  /// By PEFT's definitions, in Double, with nothing of ours: `W' = W + s · B·A`, with DoRA `m · W' / ‖W'‖` (each row; of an
  /// embedding each column), `b' = b + s · c`; what is replaced is replaced at any scale.
  func merged(into model: GGUFDraft, scale: Float, heads: (query: Int, key: Int)) -> GGUFDraft {
    var merged = model.converted(to: .f32).untied()
    for module in Set(weights.tensors.map { Self.module(of: $0.name) }) {
      let target = Self.target(of: module)
      let rotary = module.hasSuffix("q_proj") ? heads.query : module.hasSuffix("k_proj") ? heads.key : nil
      guard let index = merged.index(of: target + ".weight") else { preconditionFailure("no \(target)") }
      let dimensions = merged.tensors[index].dimensions
      let columns = dimensions[0], rows = dimensions.count > 1 ? dimensions[1] : 1
      var w = merged.tensors[index].values.map { Double($0) }
      if let rotary { w = Self.permuted(w, columns: columns, heads: rotary, toFile: false) }
      apply(module, to: &w, rows: rows, columns: columns, scale: scale)
      if let rotary { w = Self.permuted(w, columns: columns, heads: rotary, toFile: true) }
      merged.tensors[index] = GGUFDraft.Tensor(target + ".weight", dimensions, w.map { Float($0) })
      if var bias = bias(module, merged, scale: scale) {
        if let rotary { bias = Self.permuted(bias, columns: 1, heads: rotary, toFile: true) }
        merged.put(GGUFDraft.Tensor(target + ".bias", [rows], bias.map { Float($0) }))
      }
    }
    return merged
  }

  private func values(_ name: String) -> [Double]? {
    weights[Self.prefix + name]?.floats.map { Double($0) }
  }

  private func effective(_ rank: Int, _ scale: Float) -> Double {
    let alpha = self["lora_alpha"].flatMap(Double.init) ?? 0
    let divisor = self["use_rslora"] == "true" ? Double(rank).squareRoot() : Double(rank)
    return Double(scale) * alpha / divisor
  }

  private func apply(_ module: String, to w: inout [Double], rows: Int, columns: Int, scale: Float) {
    if let own = values(module + ".weight") { w = own }
    if let tokens = values(module + ".token_adapter.trainable_tokens_delta"),
      let list = self["trainable_token_indices"]
    {
      let indices = list.split { !$0.isNumber }.compactMap { Int($0) }
      for (number, row) in indices.enumerated() {
        for column in 0..<columns { w[row * columns + column] = tokens[number * columns + column] }
      }
    }
    let isEmbedding = values(module + ".lora_embedding_A") != nil
    guard let a = values(module + (isEmbedding ? ".lora_embedding_A" : ".lora_A.weight")),
      let b = values(module + (isEmbedding ? ".lora_embedding_B" : ".lora_B.weight"))
    else { return }
    let rank = b.count / (isEmbedding ? columns : rows)
    let s = effective(rank, scale)
    for row in 0..<rows {
      for column in 0..<columns {
        var sum = 0.0
        for k in 0..<rank {
          sum +=
            isEmbedding
            ? b[column * rank + k] * a[k * rows + row] : b[row * rank + k] * a[k * columns + column]
        }
        w[row * columns + column] += s * sum
      }
    }
    guard let magnitude = values(module + ".lora_magnitude_vector") else { return }
    var squares = [Double](repeating: 0, count: isEmbedding ? columns : rows)
    for i in w.indices { squares[isEmbedding ? i % columns : i / columns] += w[i] * w[i] }
    for i in w.indices {
      let line = isEmbedding ? i % columns : i / columns
      w[i] *= magnitude[line] / squares[line].squareRoot()
    }
  }

  /// In the order of training.
  private func bias(_ module: String, _ model: GGUFDraft, scale: Float) -> [Double]? {
    let own = values(module + ".bias") ?? values(module + ".base_layer.bias")
    guard let added = values(module + ".lora_B.bias") else { return own }
    let rank = weights[Self.prefix + module + ".lora_A.weight"]?.shape[0] ?? 1
    // No model here has both its rows in another order and biases.
    let base = model.index(of: Self.target(of: module) + ".bias").map {
      model.tensors[$0].values.map { Double($0) }
    }
    let start = own ?? base ?? .init(repeating: 0, count: added.count)
    return zip(start, added).map { $0 + effective(rank, scale) * $1 }
  }

  /// Rows of a head: first half, second half in training; pair by pair in a llama file.
  static func permuted(_ w: [Double], columns: Int, heads: Int, toFile: Bool) -> [Double] {
    let half = w.count / columns / heads / 2
    var result = w
    for head in 0..<heads {
      for part in 0..<2 {
        for i in 0..<half {
          let trained = (head * 2 + part) * half + i, stored = head * 2 * half + 2 * i + part
          for column in 0..<columns {
            let (from, to) = toFile ? (trained, stored) : (stored, trained)
            result[to * columns + column] = w[from * columns + column]
          }
        }
      }
    }
    return result
  }

  private static func module(of tensor: String) -> String {
    var words = tensor.dropFirst(prefix.count).split(separator: ".")
    while let last = words.last,
      ["weight", "bias", "base_layer", "token_adapter"].contains(last) || last.hasPrefix("lora_")
        || last.hasPrefix("trainable")
    { words.removeLast() }
    return words.joined(separator: ".")
  }

  private static func target(of module: String) -> String {
    let names = [
      "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
      "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down", "input_layernorm": "attn_norm",
      "post_attention_layernorm": "ffn_norm", "embed_tokens": "token_embd", "norm": "output_norm",
      "lm_head": "output", "qkv_proj": "attn_qkv", "gate_up_proj": "ffn_up", "q_norm": "attn_q_norm",
      "k_norm": "attn_k_norm",
    ]
    let words = module.split(separator: ".").map(String.init)
    guard let name = names[words[words.count - 1]] else { preconditionFailure("no \(module)") }
    return words.count > 2 && words[1] == "layers" ? "blk.\(words[2]).\(name)" : name
  }
}

extension SafeTensorsDraft.Tensor {
  var floats: [Float] {
    precondition(type == "F32")
    return bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
  }
}

extension GGUFDraft {
  /// With an output matrix of its own, because embedding and output are adapted separately.
  func untied() -> GGUFDraft {
    var copy = self
    if index(of: "output.weight") == nil, let embedding = index(of: "token_embd.weight") {
      var output = tensors[embedding]
      output.name = "output.weight"
      copy.tensors.append(output)
    }
    return copy
  }

  /// This model plus what each of some others has more than `base`, tensor by tensor.
  func adding(_ others: [GGUFDraft], over base: GGUFDraft) -> GGUFDraft {
    var sum = self
    for other in others {
      for tensor in other.tensors where tensor.dimensions.count == 2 {
        guard let own = sum.index(of: tensor.name), let from = base.index(of: tensor.name) else { continue }
        let values = zip(sum.tensors[own].values, zip(tensor.values, base.tensors[from].values)).map {
          $0 + ($1.0 - $1.1)
        }
        sum.tensors[own] = Tensor(tensor.name, tensor.dimensions, values)
      }
    }
    return sum
  }
}
