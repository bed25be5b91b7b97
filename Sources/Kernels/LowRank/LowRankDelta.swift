/// What one bound adapter set does at one site: `y = gain ⊙ (W·x) + bias + Σ scaleᵢ gainᵢ ⊙ Bᵢ(Aᵢ·x)`.
///
/// The factors are views of the adapter's own bytes, or packed once for the adapter: scaling and stacking copy nothing. `W` is
/// `replacement` where an adapter brings its own matrix, and has some rows of `rows` where it brings only those.
package final class LowRankDelta: Sendable {
  /// One adapter's pair at this site.
  package struct Segment: Sendable {
    /// `rank × inputs`; at an embedding `tokens × rank`, as the file has it.
    package let a: WeightMatrix
    /// `outputs × rank`
    package let b: WeightMatrix
    /// Everything that multiplies B(A·x): the user's scale and alpha / rank.
    package let scale: Float
    /// A factor for each output (DoRA); nil: all 1.
    package let gain: Matrix?
    /// The pair as kernels read it, where they do not read it as it is.
    package let packed: PackedPair?

    package init(
      a: WeightMatrix, b: WeightMatrix, scale: Float, gain: Matrix? = nil, packed: PackedPair? = nil
    ) {
      precondition(a.rows == b.columns || a.columns == b.columns)
      self.packed = packed
      self.a = a
      self.b = b
      self.scale = scale
      self.gain = gain
    }

    package var rank: Int { b.columns }
  }

  package let segments: [Segment]
  /// A factor for each output of `W·x` (DoRA), `1 × outputs`.
  package let gain: Matrix?
  /// Added to the output, `1 × outputs`.
  package let bias: Matrix?
  /// Stands for the matrix's first rows, usually all of them.
  package let replacement: WeightMatrix?
  package let rows: RowReplacement?
  /// Ranks of all segments together.
  package let totalRank: Int

  package init(
    segments: [Segment], gain: Matrix? = nil, bias: Matrix? = nil, replacement: WeightMatrix? = nil,
    rows: RowReplacement? = nil
  ) {
    self.segments = segments
    self.gain = gain
    self.bias = bias
    self.replacement = replacement
    self.rows = rows
    totalRank = segments.reduce(0) { $0 + $1.rank }
  }
}

/// The deltas of one adapter set for every site of a model; nil where it changes nothing.
package final class DeltaSet: Sendable {
  /// Indexed by site.
  package let sites: [LowRankDelta?]
  /// What regions read of `sites`.
  let plain: PlainDeltas

  package init(sites: [LowRankDelta?]) {
    self.sites = sites
    plain = PlainDeltas(sites)
  }
}

/// Consecutive rows of a batch that use one adapter set; nil: the base model.
package struct DeltaRun: Sendable {
  package var first: Int
  package var count: Int
  package var deltas: DeltaSet?

  package init(first: Int, count: Int, deltas: DeltaSet?) {
    self.first = first
    self.count = count
    self.deltas = deltas
  }
}
