/// Byte-level BPE (`tokenizer.ggml.model` = `gpt2`): text is cut into words, and in each word pairs of tokens merge, the
/// pair of lowest rank first. Source: Sennrich et al. 2016; encoder.py of GPT-2.
struct BytePairModel: Sendable {
  private let rules: [SplitRule]
  private let takesWholeWords: Bool
  private let table: TokenTable
  /// The token of each byte, or `SymbolMerger.noToken`: real vocabularies lack rare ones, and such bytes are left out.
  private let byteTokens: [UInt32]
  /// (left, right) → rank << 32 | result.
  private let merges: PairTable
  private let isSpecial: [Bool]

  /// `table` finds every token by its bytes; `isSpecial` says which of them no word may become.
  init(_ vocabulary: Vocabulary, table: TokenTable, isSpecial: [Bool]) throws(TokenizerError) {
    let family = try PreTokenizer(named: vocabulary.preTokenizer ?? "default")
    rules = family.rules
    takesWholeWords = family.takesWholeWords
    self.table = table
    self.isSpecial = isSpecial
    byteTokens = (UInt8.min...UInt8.max).map { byte in
      table.id(of: [byte].span, from: 0, to: 1).map { UInt32($0) } ?? SymbolMerger.noToken
    }
    guard let merges = vocabulary.merges else { throw .missingKey(key: Vocabulary.Key.merges) }
    self.merges = try BytePairModel.mergeTable(merges, table)
  }

  private static func mergeTable(_ merges: [String], _ table: TokenTable) throws(TokenizerError) -> PairTable
  {
    guard merges.count < Int(UInt32.max) else {
      throw .tooManyTokens(key: Vocabulary.Key.merges, limit: Int(UInt32.max) - 1, found: merges.count)
    }
    var pairs = PairTable(capacity: merges.count)
    var bytes: [UInt8] = []
    for (rank, merge) in merges.enumerated() {
      let text = merge.utf8.span
      // A part can itself begin with a space, so the separator is looked for behind the first byte.
      var space = 1
      while space < text.count, text[space] != 0x20 { space += 1 }
      guard space + 1 < text.count else {
        throw .malformedMerge(key: Vocabulary.Key.merges, index: rank, text: merge)
      }
      bytes.removeAll(keepingCapacity: true)
      ByteLevelAlphabet.decode(text, from: 0, to: space, into: &bytes)
      let middle = bytes.count
      ByteLevelAlphabet.decode(text, from: space + 1, to: text.count, into: &bytes)
      guard let left = table.id(of: bytes.span, from: 0, to: middle),
        let right = table.id(of: bytes.span, from: middle, to: bytes.count),
        let result = table.id(of: bytes.span, from: 0, to: bytes.count)
      else { throw .mergeOutsideVocabulary(key: Vocabulary.Key.merges, index: rank, text: merge) }
      // Of a pair that is listed twice the better rank counts.
      _ = pairs.insert(UInt32(left), UInt32(right), UInt64(rank) << 32 | UInt64(result))
    }
    return pairs
  }

  /// Appends the tokens of `text[start..<limit]`, which holds no special token.
  func encode(
    _ text: Span<UInt8>, from start: Int, to limit: Int, merger: inout SymbolMerger, into ids: inout [Int32]
  ) {
    var wordStart = start
    for wordEnd in PreTokenizer.pieceEnds(text, from: start, to: limit, rules: rules) {
      encodeWord(text, wordStart, wordEnd, &merger, &ids)
      wordStart = wordEnd
    }
  }

  @inline(__always)
  private func encodeWord(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, _ merger: inout SymbolMerger, _ ids: inout [Int32]
  ) {
    if end - start == 1 {
      let id = byteTokens[Int(text[start])]
      if id != SymbolMerger.noToken { ids.append(Int32(id)) }
      return
    }
    if takesWholeWords, let id = table.id(of: text, from: start, to: end), !isSpecial[id] {
      ids.append(Int32(id))
      return
    }
    merger.symbols.removeAll(keepingCapacity: true)
    for index in start..<end {
      merger.symbols.append(SymbolMerger.Symbol(start: index, id: byteTokens[Int(text[index])]))
    }
    merger.merge(limit: end) { left, right, _ in merges[left.id, right.id] }
    for symbol in merger.symbols where symbol.id != SymbolMerger.noToken { ids.append(Int32(symbol.id)) }
  }
}
