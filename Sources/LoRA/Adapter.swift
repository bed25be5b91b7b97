import Kernels

/// A LoRA adapter as it was read: pairs of low-rank factors for tensors of some base model.
///
/// Immutable, and independent of any model until it is bound (`AdapterBinding`). The factors are views of the mapped
/// file: an adapter costs its file's bytes once, whatever its scale and however many models use it.
package final class Adapter: Sendable {
  /// The factors of one base tensor: `ΔW = effective scale × B·A`.
  package struct Pair: Sendable {
    /// The base tensor's name in a GGUF file: `blk.0.attn_q.weight`.
    package let tensor: String
    /// `rank × inputs`; of an embedding `tokens × rank`, one row a token; of a stack the experts' under each other.
    package let a: WeightMatrix
    /// `outputs × rank`, of a stack the experts' under each other.
    package let b: WeightMatrix
    package let part: Part

    package init(tensor: String, a: WeightMatrix, b: WeightMatrix, part: Part = .matrix) {
      self.tensor = tensor
      self.a = a
      self.b = b
      self.part = part
    }

    package var rank: Int { b.columns }
    /// The one expert that it is for, if it is for one.
    package var expert: Int? { if case .expert(let index) = part { index } else { nil } }
    package var byteCount: Int { a.byteCount + b.byteCount }

    /// ggml order, fastest dimension first.
    package var aDimensions: [Int] { dimensions(a) }
    package var bDimensions: [Int] { dimensions(b) }

    private func dimensions(_ factor: WeightMatrix) -> [Int] {
      guard case .stack(let experts) = part else { return [factor.columns, factor.rows] }
      return [factor.columns, factor.rows / experts, experts]
    }

    /// The pairs of single experts that a stack is made of; of another pair itself. They share its bytes.
    package var experts: [Pair] {
      guard case .stack(let count) = part else { return [self] }
      let aRows = a.rows / count, bRows = b.rows / count
      return (0..<count).map { expert in
        Pair(
          tensor: tensor, a: a.slice(rows: expert * aRows..<(expert + 1) * aRows),
          b: b.slice(rows: expert * bRows..<(expert + 1) * bRows), part: .expert(expert))
      }
    }
  }

  /// What of a base tensor a pair changes.
  package enum Part: Sendable, Equatable {
    /// The whole matrix.
    case matrix
    /// One matrix of a stack of experts, `blk.0.ffn_gate_exps.weight`.
    case expert(Int)
    /// All matrices of a stack, each with factors of its own; their number.
    case stack(experts: Int)
  }

  /// Where it came from.
  package let path: String
  /// `general.name` of the file, else the file's own name.
  package let name: String
  /// The base model's architecture, as in `general.architecture`.
  package let architecture: String
  /// nil: none, and the effective scale is the user's alone.
  package let alpha: Float?
  package let taskName: String?
  package let promptPrefix: String?
  package let pairs: [Pair]
  /// Made of every factor's name, shape and bytes, and alpha: equal hashes mean equal effect.
  package let contentHash: ContentHash

  package init(
    path: String, name: String, architecture: String, alpha: Float?, taskName: String? = nil,
    promptPrefix: String? = nil, pairs: [Pair], contentHash: ContentHash
  ) {
    self.path = path
    self.name = name
    self.architecture = architecture
    self.alpha = alpha
    self.taskName = taskName
    self.promptPrefix = promptPrefix
    self.pairs = pairs
    self.contentHash = contentHash
  }

  /// What multiplies `B·A` of a pair when the user asks for `scale`: `scale × alpha / rank`, the rank being the pair's
  /// own; `scale` where there is no alpha. Source: Hu et al. 2021, section 4.1.
  package func effectiveScale(of pair: Pair, scale: Float) -> Float {
    guard let alpha else { return scale }
    return scale * alpha / Float(pair.rank)
  }

  /// Smallest and largest rank of its pairs.
  package var ranks: ClosedRange<Int> {
    let all = pairs.map(\.rank)
    return (all.min() ?? 0)...(all.max() ?? 0)
  }

  package var byteCount: Int { pairs.reduce(0) { $0 + $1.byteCount } }
}
