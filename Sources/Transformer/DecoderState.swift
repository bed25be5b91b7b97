import Kernels

/// The activations of a forward pass: one row for each token of a batch.
///
/// Made once for batches of up to `maximumTokens` tokens and `maximumLogits` rows of logits; a pass allocates nothing.
package final class DecoderState {
  package let maximumTokens: Int
  package let maximumLogits: Int
  let workspace: Workspace
  /// The residual stream, `[token][embedding]`.
  let hidden: Matrix
  let normed: Matrix
  let query: Matrix
  let key: Matrix
  let value: Matrix
  /// Query, key and value of each token beside each other; empty where no layer makes them with one matrix.
  let fusedProjections: Matrix
  let attended: Matrix
  let gate: Matrix
  let up: Matrix
  /// Gate and up of each token beside each other; empty where no layer makes them with one matrix.
  let fusedInner: Matrix
  /// nil: the model has no experts.
  let experts: ExpertState?
  /// Cosines and sines of each token's position.
  let angles: Matrix
  /// The rows whose logits are wanted.
  let selected: Matrix
  let selectedNormed: Matrix
  /// `[wanted row][vocabulary]`
  package let logits: Matrix
  /// Kept from pass to pass, so that extending logits allocates nothing.
  var extensionParts: [LinearPart] = []
  var extensionRuns: [DeltaRun] = []

  /// - Parameter vocabularySize: of the widest adapter set among the wanted rows (`Decoder.vocabularySize(with:)`); nil: the
  ///   model's.
  package init(_ decoder: Decoder, maximumTokens: Int, maximumLogits: Int, vocabularySize: Int? = nil) {
    let h = decoder.hyperparameters
    self.maximumTokens = maximumTokens
    self.maximumLogits = maximumLogits
    experts = h.experts.map { ExpertState(h, $0, tokens: maximumTokens) }
    let innerRows = experts?.routing.capacity ?? maximumTokens
    let innerLength = h.experts?.feedForwardLength ?? h.feedForwardLength
    workspace = Workspace(
      compute: decoder.compute, tokens: max(maximumTokens, maximumLogits, innerRows), columns: h.widestInput,
      heads: h.headCount / h.kvHeadCount, headSize: h.headSize)
    hidden = Matrix(rows: maximumTokens, columns: h.embeddingLength)
    normed = Matrix(rows: maximumTokens, columns: h.embeddingLength)
    query = Matrix(rows: maximumTokens, columns: h.queryLength)
    key = Matrix(rows: maximumTokens, columns: h.kvLength)
    value = Matrix(rows: maximumTokens, columns: h.kvLength)
    let projects = decoder.weights.layers.contains { if case .fused = $0.projections { true } else { false } }
    fusedProjections = Matrix(
      rows: projects ? maximumTokens : 0, columns: h.queryLength + 2 * h.kvLength)
    attended = Matrix(rows: maximumTokens, columns: h.queryLength)
    gate = Matrix(rows: innerRows, columns: innerLength)
    up = Matrix(rows: innerRows, columns: innerLength)
    let gates = decoder.weights.layers.contains { if case .fused = $0.feedForward { true } else { false } }
    fusedInner = Matrix(rows: gates ? maximumTokens : 0, columns: 2 * innerLength)
    angles = Matrix(rows: maximumTokens, columns: decoder.rotary.dimensions)
    selected = Matrix(rows: maximumLogits, columns: h.embeddingLength)
    selectedNormed = Matrix(rows: maximumLogits, columns: h.embeddingLength)
    logits = Matrix(rows: maximumLogits, columns: max(h.vocabularySize, vocabularySize ?? 0))
  }
}
