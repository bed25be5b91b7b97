/// Turning a vocabulary's strings into tables.
extension Tokenizer {
  static func types(_ vocabulary: Vocabulary) throws(TokenizerError) -> [Vocabulary.TokenType] {
    let count = vocabulary.tokens.count
    guard let numbers = vocabulary.types else {
      return [Vocabulary.TokenType](repeating: .normal, count: count)
    }
    guard numbers.count == count else {
      throw .lengthMismatch(key: Vocabulary.Key.types, expected: count, found: numbers.count)
    }
    var types: [Vocabulary.TokenType] = []
    types.reserveCapacity(count)
    for (id, number) in numbers.enumerated() {
      guard let type = Int32(exactly: number).flatMap({ Vocabulary.TokenType(rawValue: $0) }) else {
        throw .unknownTokenType(key: Vocabulary.Key.types, id: id, found: number)
      }
      types.append(type)
    }
    return types
  }

  /// The bytes of every token, findable where text may turn into the token, and the special tokens.
  static func tables(
    _ vocabulary: Vocabulary, _ types: [Vocabulary.TokenType]
  ) throws(TokenizerError) -> (TokenTable, SpecialTokens) {
    let tokens = vocabulary.tokens
    let byteCount = tokens.reduce(0) { $0 + $1.utf8.count }
    guard byteCount <= Int(UInt32.max) else {
      throw .tooManyTokens(key: Vocabulary.Key.tokens, limit: Int(UInt32.max), found: byteCount)
    }
    var table = TokenTable(capacity: tokens.count, byteCount: byteCount)
    var piece: [UInt8] = []
    for (id, token) in tokens.enumerated() {
      piece.removeAll(keepingCapacity: true)
      appendPiece(token, types[id], vocabulary.model, to: &piece)
      table.append(piece)
    }
    // Ordinary tokens first: a special token that reads the same is found in `specials` only.
    for (id, type) in types.enumerated() where !type.isSpecial {
      if vocabulary.model == .llama, type == .byte { continue }
      try makeFindable(id, tokens, &table)
    }
    var specials = SpecialTokens()
    for (id, type) in types.enumerated() where type.isSpecial {
      let text = tokens[id].utf8
      guard text.count <= SpecialTokens.lengthLimit else {
        throw .tokenTooLong(
          key: Vocabulary.Key.tokens, id: id, limit: SpecialTokens.lengthLimit, found: text.count)
      }
      if let first = specials.insert(text, id: id, onlyWhenParsing: type != .userDefined) {
        throw .duplicateToken(key: Vocabulary.Key.tokens, text: tokens[id], first: first, second: id)
      }
      // SentencePiece never makes a control token of text; merges of byte-level BPE can lead to any token.
      if vocabulary.model == .gpt2 || type == .userDefined { try makeFindable(id, tokens, &table) }
    }
    return (table, specials)
  }

  /// Two tokens can have the same bytes ("Ġ" and a space); the first is found. Equal tokens are an error.
  private static func makeFindable(
    _ id: Int, _ tokens: [String], _ table: inout TokenTable
  ) throws(TokenizerError) {
    guard !table.range(of: id).isEmpty, let other = table.makeFindable(id) else { return }
    if tokens[other].utf8.elementsEqual(tokens[id].utf8) {
      throw .duplicateToken(
        key: Vocabulary.Key.tokens, text: tokens[id], first: min(id, other), second: max(id, other))
    }
  }

  /// Appends what the token stands for in decoded text.
  private static func appendPiece(
    _ token: String, _ type: Vocabulary.TokenType, _ model: Vocabulary.Model, to piece: inout [UInt8]
  ) {
    let text = token.utf8.span
    switch (model, type) {
    case (_, .control), (_, .unknown), (_, .userDefined):
      piece.append(contentsOf: token.utf8)
    case (_, .byte):
      if let byte = byteValue(token) { piece.append(byte) } else { piece.append(contentsOf: token.utf8) }
    case (.gpt2, _):
      ByteLevelAlphabet.decode(text, from: 0, to: text.count, into: &piece)
    case (.llama, _):
      SentencePieceModel.unescaped(text, from: 0, to: text.count, into: &piece)
    }
  }

  static func byteTokens(_ tokens: [String], _ types: [Vocabulary.TokenType]) -> [Int32?] {
    var ids = [Int32?](repeating: nil, count: 256)
    for (id, type) in types.enumerated() where type == .byte {
      if let byte = byteValue(tokens[id]) { ids[Int(byte)] = Int32(id) }
    }
    return ids
  }

  /// The byte that `<0x0A>` names.
  private static func byteValue(_ token: String) -> UInt8? {
    guard token.utf8.count == 6, token.hasPrefix("<0x"), token.hasSuffix(">") else { return nil }
    return UInt8(token.dropFirst(3).dropLast(), radix: 16)
  }
}

extension Vocabulary.TokenType {
  /// Found in text before anything else.
  var isSpecial: Bool {
    switch self {
    case .control, .unknown, .userDefined: true
    case .undefined, .normal, .unused, .byte: false
    }
  }
}
