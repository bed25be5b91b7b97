import Kernels
import Transformer

// Embeddings and outputs with other tokens than the model's.
extension AdapterFitter {
  /// Of an adapted embedding or output with more tokens than the model: what the factors are added to, from the matrix
  /// that training saw. Where the model ties the two, it holds for the other one as well, if the adapter does not change that.
  func addedRows(_ pair: LowRankPair, _ site: Site, _ number: Int) throws(AdapterError)
    -> [FittedChange]
  {
    let height = site.kind == .embedding ? pair.a.rows : pair.b.rows
    guard site.kind != .linear, height > site.outputs, let whole = adapter.trainedOn[pair.tensor] else {
      return []
    }
    try expect(whole, rows: height, columns: site.inputs, pair.tensor, "base_layer.weight")
    let rows = whole.slice(rows: site.outputs..<height)
    guard rows.isFinite() else {
      throw .notFinite(
        file: adapter.path, what: "a row for an added token in '\(pair.tensor).base_layer.weight'")
    }
    let ids = Array(site.outputs..<height)
    let other = site.kind == .embedding ? "output.weight" : "token_embd.weight"
    var sites = [number]
    if decoder.isOutputTied, !adapter.changes.contains(where: { tensor(of: $0)?.name == other }),
      let tied = decoder.site(named: other)
    {
      sites.append(tied)
    }
    return sites.map { .rows(site: $0, ids, rows) }
  }

  /// The rows that a matrix with `rows` should have at a site: more than the model's for added tokens; fewer where training
  /// cut off what only fills the model's matrices up, whose own rows then stay.
  func height(_ site: Site, _ rows: Int) -> Int {
    guard let vocabulary, site.kind == .embedding || site.kind == .output else { return site.outputs }
    return rows > site.outputs || vocabulary.hasOnlyPlaceholders(from: rows) ? rows : site.outputs
  }

  /// Does any matrix have another number of tokens than the model?
  var hasOtherHeights: Bool {
    adapter.changes.contains { change in
      let name = tensor(of: change)?.name
      let isEmbedding = name == "token_embd.weight"
      guard isEmbedding || name == "output.weight" else { return false }
      switch change {
      case .matrix(_, let matrix, _, _): return matrix.rows != decoder.hyperparameters.vocabularySize
      case .lowRank(let pair):
        return (isEmbedding ? pair.a : pair.b).rows != decoder.hyperparameters.vocabularySize
      case .rows, .norm, .bias: return false
      }
    }
  }

  /// An output's B with zeros for the tokens that it lacks.
  func lengthened(_ b: WeightMatrix, _ site: Site, _ index: Int) -> WeightMatrix {
    cache.matrix(adapter.contentHash, index, .factor) {
      let missing = (site.outputs - b.rows) * b.columns
      return WeightMatrix(
        rows: site.outputs, columns: b.columns, b.dequantized() + [Float](repeating: 0, count: missing))
    }
  }

  /// A matrix for each token that is right but for their number was made for another vocabulary.
  func checkVocabulary(_ site: Site, _ tensor: String, tokens: Int, columns: Int) throws(AdapterError) {
    guard adapter.naming == .peft, site.kind != .linear, columns == site.inputs,
      tokens != height(site, tokens)
    else { return }
    throw .vocabularyMismatch(adapter: adapter.path, tensor: tensor, expected: site.outputs, found: tokens)
  }
}
