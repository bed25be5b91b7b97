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
    /// `rank × inputs`; of an embedding `tokens × rank`, one row a token.
    package let a: WeightMatrix
    /// `outputs × rank`
    package let b: WeightMatrix

    package var rank: Int { b.columns }
    package var byteCount: Int { a.byteCount + b.byteCount }

    /// ggml order, fastest dimension first.
    package var aDimensions: [Int] { [a.columns, a.rows] }
    package var bDimensions: [Int] { [b.columns, b.rows] }
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
