import Kernels

/// One thing that an adapter changes in a model, named as the adapter's own format names it.
package enum Change: Sendable {
  /// A pair of low-rank factors, perhaps with a bias and magnitudes of its own.
  case lowRank(LowRankPair)
  /// A matrix that takes the place of the model's; `expert`: which one of a stack, where `tensor` does not say it.
  case matrix(tensor: String, WeightMatrix, expert: Int?, tiesOutput: Bool)
  /// Some rows of a matrix, `rows.count × columns`. With `tiesOutput`, also of an output matrix that the model ties to it.
  case rows(tensor: String, [Int], WeightMatrix, tiesOutput: Bool)
  /// A norm's weight, `1 × count`.
  case norm(tensor: String, WeightMatrix)
  /// A bias that takes the place of the model's, `1 × outputs`.
  case bias(tensor: String, WeightMatrix)

  /// The tensor of a GGUF file (`blk.0.attn_q.weight`), or the module of a PEFT adapter
  /// (`model.layers.0.self_attn.q_proj`).
  package var tensor: String {
    switch self {
    case .lowRank(let pair): pair.tensor
    case .matrix(let tensor, _, _, _), .rows(let tensor, _, _, _), .norm(let tensor, _), .bias(let tensor, _):
      tensor
    }
  }

  package var pair: LowRankPair? { if case .lowRank(let pair) = self { pair } else { nil } }

  /// The one expert of the tensor that it is for, if it is for one and the tensor's name does not say which.
  var expert: Int? { if case .matrix(_, _, let expert, _) = self { expert } else { pair?.expert } }

  /// Everything it brings, with a word for each.
  package var matrices: [(role: String, matrix: WeightMatrix)] {
    switch self {
    case .lowRank(let pair):
      [("a", pair.a), ("b", pair.b)] + (pair.bias.map { [("b bias", $0)] } ?? [])
        + (pair.magnitude.map { [("magnitude", $0)] } ?? [])
    case .matrix(_, let weight, _, _): [("weight", weight)]
    case .rows(_, _, let weight, _): [("rows", weight)]
    case .norm(_, let weight): [("norm", weight)]
    case .bias(_, let weight): [("bias", weight)]
    }
  }

  package var byteCount: Int { matrices.reduce(0) { $0 + $1.matrix.byteCount } }
}

/// The factors of one base matrix: `ΔW = effective scale × B·A`.
package struct LowRankPair: Sendable {
  /// What the factors are multiplied with before the user's scale.
  package enum Scaling: Sendable, Equatable {
    /// Nothing.
    case none
    /// `alpha / rank`. Source: Hu et al. 2021, section 4.1.
    case alpha(Float)
    /// `alpha / √rank`. Source: Kalajdzievski 2023 (rsLoRA).
    case rankStabilized(Float)
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

  /// As `Change.tensor`.
  package let tensor: String
  /// `rank × inputs`; of an embedding `tokens × rank`, one row a token; of a stack the experts' under each other.
  package let a: WeightMatrix
  /// `outputs × rank`, of a stack the experts' under each other.
  package let b: WeightMatrix
  package let part: Part
  package let scaling: Scaling
  /// Added to B(A·x) before it is scaled, `1 × outputs`; of a stack one row for each expert.
  package let bias: WeightMatrix?
  /// DoRA: the norm that each row of the adapted matrix is given, `1 × outputs`; of an embedding, each column; of a stack
  /// one row for each expert.
  package let magnitude: WeightMatrix?

  package init(
    tensor: String, a: WeightMatrix, b: WeightMatrix, part: Part = .matrix, scaling: Scaling = .none,
    bias: WeightMatrix? = nil, magnitude: WeightMatrix? = nil
  ) {
    self.tensor = tensor
    self.a = a
    self.b = b
    self.part = part
    self.scaling = scaling
    self.bias = bias
    self.magnitude = magnitude
  }

  package var rank: Int { b.columns }

  /// Experts that a stack may have; the models with the most have some hundreds.
  static let expertLimit = 1 << 14

  /// The one expert that it is for, if it is for one.
  package var expert: Int? { if case .expert(let index) = part { index } else { nil } }

  /// Experts of a stack; 1 of another pair.
  var expertCount: Int { if case .stack(let count) = part { count } else { 1 } }

  /// The pairs of single experts that a stack is made of; of another pair itself. They share its bytes.
  package var experts: [LowRankPair] {
    guard case .stack(let count) = part else { return [self] }
    let aRows = a.rows / count, bRows = b.rows / count
    return (0..<count).map { expert in
      LowRankPair(
        tensor: tensor, a: a.slice(rows: expert * aRows..<(expert + 1) * aRows),
        b: b.slice(rows: expert * bRows..<(expert + 1) * bRows), part: .expert(expert), scaling: scaling,
        bias: bias?.slice(rows: expert..<expert + 1),
        magnitude: magnitude?.slice(rows: expert..<expert + 1))
    }
  }

  /// What multiplies `B·A` when the user asks for `scale`; the rank is the pair's own.
  package func effectiveScale(_ scale: Float) -> Float {
    switch scaling {
    case .none: scale
    case .alpha(let alpha): scale * alpha / Float(rank)
    case .rankStabilized(let alpha): scale * alpha / Float(rank).squareRoot()
    }
  }
}
