import Kernels

/// A change whose place in one model is known and whose shapes fit it, its rows in the order of the model's file.
enum FittedChange: Sendable {
  case lowRank(site: Int, FittedPair)
  case matrix(site: Int, WeightMatrix)
  case rows(site: Int, [Int], WeightMatrix)
  case norm(site: Int, Matrix)
  /// The difference from the model's own bias.
  case bias(site: Int, Matrix)

  var site: Int {
    switch self {
    case .lowRank(let site, _), .matrix(let site, _), .rows(let site, _, _), .norm(let site, _),
      .bias(let site, _):
      site
    }
  }
}

/// A pair at a site.
struct FittedPair: Sendable {
  /// With B in the order of the model's rows.
  let pair: LowRankPair
  /// `1 × outputs`; as many as `magnitude`. Both in the order of training.
  let bias: WeightMatrix?
  /// One for each row of the matrix that the adapter was trained with; of an embedding, one for each column.
  let magnitude: WeightMatrix?
  /// The change's number in its adapter; those of a stack's experts follow behind all changes. Unique.
  let index: Int
}
