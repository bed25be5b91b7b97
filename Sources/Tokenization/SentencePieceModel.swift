/// SentencePiece BPE (`tokenizer.ggml.model` = `llama`): neighbours whose concatenation is a token merge, the token of
/// highest score first, over the whole text; a character that is no token becomes bytes `<0xNN>`.
///
/// Vocabularies write "▁" for a space. Here tokens and text both hold the space, so that pieces need no translation; a
/// "▁" in the text is the same as a space, as in SentencePiece. Source: bpe_model.cc of SentencePiece.
struct SentencePieceModel: Sendable {
  private let table: TokenTable
  /// Tokens by falling score: the smaller, the sooner.
  private let priorities: [UInt32]
  private let byteTokens: [Int32?]
  private let unknown: Int32?
  /// Whether no token has a space behind another character. Then nothing merges across the start of a word, and words
  /// can be encoded one by one with the same result, in memory that stays in cache.
  private let wordsAreIndependent: Bool

  /// `table` finds the normal, unused and user-defined tokens; `byteTokens` are those of type byte.
  init(_ vocabulary: Vocabulary, table: TokenTable, byteTokens: [Int32?]) throws(TokenizerError) {
    self.table = table
    wordsAreIndependent = !(0..<table.count).contains { id in
      let token = table.bytes(of: id)
      return zip(token, token.dropFirst()).contains { $0 != 0x20 && $1 == 0x20 }
    }
    self.byteTokens = byteTokens
    unknown = vocabulary.unknown.map { Int32($0) }
    guard let scores = vocabulary.scores else { throw .missingKey(key: Vocabulary.Key.scores) }
    if unknown == nil {
      for byte in UInt8.min...0xF4 where byte != 0xC0 && byte != 0xC1 && byteTokens[Int(byte)] == nil {
        throw .missingByteToken(key: Vocabulary.Key.tokens, byte: byte)
      }
    }
    var priorities: [UInt32] = []
    priorities.reserveCapacity(scores.count)
    for (id, score) in scores.enumerated() {
      guard !score.isNaN else { throw .scoreNotANumber(key: Vocabulary.Key.scores, id: id) }
      // Adding zero makes -0 and 0 equal. The bits of a float in the order of its value, turned around.
      let bits = (score + 0).bitPattern
      priorities.append(bits >> 31 == 1 ? bits : ~(bits | 0x8000_0000))
    }
    self.priorities = priorities
  }

  /// Text as the vocabulary knows it: "▁" (E2 96 81) turned into a space.
  static func unescaped(_ text: Span<UInt8>, from start: Int, to end: Int, into bytes: inout [UInt8]) {
    var index = start
    while index < end {
      if text[index] == 0xE2, index + 2 < end, text[index + 1] == 0x96, text[index + 2] == 0x81 {
        bytes.append(0x20)
        index += 3
      } else {
        bytes.append(text[index])
        index += 1
      }
    }
  }

  /// Appends the tokens of `text[start..<limit]`, which holds no special token.
  func encode(
    _ text: Span<UInt8>, from start: Int, to limit: Int, spacePrefix: Bool, merger: inout SymbolMerger,
    into ids: inout [Int32]
  ) {
    guard limit > start else { return }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(limit - start + 1)
    if spacePrefix { bytes.append(0x20) }
    SentencePieceModel.unescaped(text, from: start, to: limit, into: &bytes)
    var wordStart = 0
    if wordsAreIndependent {
      for index in 1..<bytes.count where bytes[index] == 0x20 && bytes[index - 1] != 0x20 {
        encode(bytes.span, wordStart, index, &merger, &ids)
        wordStart = index
      }
    }
    encode(bytes.span, wordStart, bytes.count, &merger, &ids)
  }

  private func encode(
    _ text: Span<UInt8>, _ start: Int, _ limit: Int, _ merger: inout SymbolMerger, _ ids: inout [Int32]
  ) {
    merger.symbols.removeAll(keepingCapacity: true)
    var position = start
    while position < limit {
      let end = position + text.scalarLength(at: position)
      let id = table.id(of: text, from: position, to: end).map { UInt32($0) } ?? SymbolMerger.noToken
      merger.symbols.append(SymbolMerger.Symbol(start: position, id: id))
      position = end
    }
    merger.merge(limit: limit) { left, _, end in
      guard let id = table.id(of: text, from: left.start, to: end) else { return PairTable.absent }
      return UInt64(priorities[id]) << 32 | UInt64(id)
    }
    for symbol in merger.symbols {
      if symbol.id != SymbolMerger.noToken {
        ids.append(Int32(symbol.id))
      } else {
        appendBytes(text, symbol.start, symbol.start + text.scalarLength(at: symbol.start), &ids)
      }
    }
  }

  private func appendBytes(_ text: Span<UInt8>, _ start: Int, _ end: Int, _ ids: inout [Int32]) {
    for index in start..<end {
      guard let id = byteTokens[Int(text[index])] else {
        // Without all its bytes the character is one unknown token.
        ids.removeLast(index - start)
        if let unknown { ids.append(unknown) }
        return
      }
      ids.append(id)
    }
  }
}
