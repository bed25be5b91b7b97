import Kernels
import Transformer

/// Compares the tokens that an adapter lists with a model's vocabulary: which are new, and whether each has its rows.
struct TokenFitter {
  private let adapter: Adapter
  private let vocabulary: ModelVocabulary
  /// Ids behind the model's whose rows the adapter brings, for the embedding and for the output.
  private var embedded: Set<Int> = []
  private var output: Set<Int> = []
  /// One more than the last id that any matrix of the adapter has a row for.
  private var end: Int

  init(_ adapter: Adapter, _ vocabulary: ModelVocabulary) {
    self.adapter = adapter
    self.vocabulary = vocabulary
    end = vocabulary.size
  }

  private var vocabularySize: Int { vocabulary.size }
  private var texts: [String] { vocabulary.texts }

  /// Counts the rows that a fitted change brings for ids behind the model's.
  mutating func count(_ change: FittedChange, at site: Site) {
    switch change {
    case .matrix(_, let matrix): count(Array(vocabularySize..<max(vocabularySize, matrix.rows)), site.kind)
    case .rows(_, let rows, _): count(rows.filter { $0 >= vocabularySize }, site.kind)
    case .lowRank(_, let fitted):
      if site.kind == .embedding { end = max(end, fitted.pair.a.rows) }
      if site.kind == .output { end = max(end, fitted.pair.b.rows) }
    case .norm, .bias: break
    }
  }

  private mutating func count(_ ids: [Int], _ kind: Site.Kind) {
    if kind == .embedding { embedded.formUnion(ids) }
    if kind == .output { output.formUnion(ids) }
    if kind == .embedding || kind == .output { end = max(end, (ids.last ?? 0) + 1) }
  }

  /// The tokens that the model has no text for, ascending by id.
  func tokens() throws(AdapterError) -> [AddedToken] {
    let new = try newTokens()
    for token in new where token.id >= vocabularySize { try checkRows(token.id) }
    if end > vocabularySize {
      for id in vocabularySize..<end { try checkRows(id) }
    }
    let named = new.map(\.id).filter { $0 >= vocabularySize }
    // Rows behind the last token round a matrix up; a token without a text between others is a mistake.
    for (place, id) in named.enumerated() where id != vocabularySize + place {
      throw .tokenHole(adapter: adapter.path, id: vocabularySize + place)
    }
    return new
  }

  private func checkRows(_ id: Int) throws(AdapterError) {
    let lacks: String? =
      !embedded.contains(id) ? "token_embd.weight" : !output.contains(id) ? "output.weight" : nil
    guard let lacks else { return }
    // Only now: it is a walk over all tokens, for each of them.
    let text = adapter.addedTokens.first { $0.id == id }?.text
    throw .missingTokenRow(
      adapter: adapter.path, tensor: lacks, id: id, text: text, rows: vocabularySize)
  }

  private func newTokens() throws(AdapterError) -> [AddedToken] {
    var new: [AddedToken] = []
    for token in adapter.addedTokens where !vocabulary.has(token) {
      if token.id < texts.count, !vocabulary.isPlaceholder(token.id) {
        throw .tokenCollision(
          adapter: adapter.path, id: token.id, text: token.text, existing: texts[token.id])
      }
      new.append(token)
    }
    if new.isEmpty { return [] }
    let ids = Dictionary(new.map { ($0.text, $0.id) }) { first, _ in first }
    for (id, text) in texts.enumerated() {
      if let added = ids[text], added != id, !vocabulary.isPlaceholder(id) {
        throw .tokenCollision(
          adapter: adapter.path, id: added, text: text, existing: "'\(text)' as token \(id)")
      }
    }
    return new
  }
}
