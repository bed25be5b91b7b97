/// What is done to a tile of `W·x` before it is written: `gain ⊙ (W·x + Σ inner) + Σ outer + bias + baseBias`, where the terms
/// `gainᵢ ⊙ Bᵢ·hᵢ` that share the tile's gain are the inner ones.
struct TileDelta {
  let parts: PlainList<LinearPlan.Part>.View
  let range: Range<Int>
  /// One value for each row of the matrix, as the biases.
  let gain: UnsafeMutablePointer<Float>?
  let bias: UnsafeMutablePointer<Float>?
  let baseBias: UnsafeMutablePointer<Float>?
  /// The tile's first row within the matrix.
  let firstRow: Int
  /// `A·x` from the first token on; a part's begins at its column.
  let hidden: HiddenRows
  /// Room for `vectorFloats`.
  let vectors: UnsafeMutablePointer<Float>

  /// Of 16 rows of every gain and the biases.
  static func vectorFloats(parts: Int) -> Int { 16 * (parts + 3) }
}
