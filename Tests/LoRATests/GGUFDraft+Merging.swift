import GGUF
import LoRA

extension GGUFDraft {
  /// The model with adapters added into its weights, all float32: what running them unmerged must equal.
  ///
  /// Computed in Double from the files' own numbers, by the definition and nothing of ours: `W + scale × alpha / rank × B·A`,
  /// the rank being each pair's; an embedding's A has one row of `rank` values a token. A tied output becomes a matrix of
  /// its own first, because the two are adapted separately.
  func merged(_ adapters: [(draft: GGUFDraft, scale: Float)]) -> GGUFDraft {
    var model = converted(to: .f32) { $0.dimensions.count > 1 }
    if model.index(of: "output.weight") == nil, let embedding = model.index(of: "token_embd.weight") {
      var output = model.tensors[embedding]
      output.name = "output.weight"
      model.tensors.append(output)
    }
    for (adapter, scale) in adapters {
      for a in adapter.tensors where a.name.hasSuffix(".lora_a") {
        let target = String(a.name.dropLast(7))
        guard let w = model.index(of: target), let b = adapter.index(of: target + ".lora_b") else {
          preconditionFailure("\(target) is not in the model")
        }
        var alpha: Float = 0
        if case .float32(let found) = adapter["adapter.lora.alpha"] { alpha = found }
        let factors = adapter.tensors[b]
        let rank = factors.dimensions[0]
        let effective = alpha == 0 ? Double(scale) : Double(scale) * Double(alpha) / Double(rank)
        model.tensors[w].add(
          effective, a: a.values, b: factors.values, rank: rank, isEmbedding: target == "token_embd.weight")
      }
    }
    return model
  }
}

extension GGUFDraft.Tensor {
  /// Adds `scale × B·A` to an `outputs × inputs` matrix, or to each matrix of a stack with its own factors.
  fileprivate mutating func add(_ scale: Double, a: [Float], b: [Float], rank: Int, isEmbedding: Bool) {
    let inputs = dimensions[0], outputs = dimensions[1]
    let experts = dimensions.dropFirst(2).reduce(1, *)
    var sums = values
    for row in 0..<outputs * experts {
      // The rows of A that belong to this one.
      let first = row / outputs * rank
      for column in 0..<inputs {
        var sum = 0.0
        for k in 0..<rank {
          sum +=
            isEmbedding
            ? Double(b[column * rank + k]) * Double(a[row * rank + k])
            : Double(b[row * rank + k]) * Double(a[(first + k) * inputs + column])
        }
        sums[row * inputs + column] = Float(Double(sums[row * inputs + column]) + scale * sum)
      }
    }
    self = GGUFDraft.Tensor(name, dimensions, sums)
  }
}
