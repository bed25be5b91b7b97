import GGUF

/// Text to token ids and back, for one model.
///
/// Ids follow llama.cpp where it and Hugging Face's tokenizers differ in more than Unicode details; in particular no text is
/// normalised (Qwen2's tokenizer.json asks for NFC, llama.cpp does not apply it). Immutable, so any number of threads may
/// use one tokenizer at once.
public final class Tokenizer: Sendable {
  enum Model: Sendable {
    case bytePair(BytePairModel)
    case sentencePiece(SentencePieceModel)
  }

  /// The number of tokens; a model's logits can have more columns than that.
  public let vocabularyCount: Int
  public let bos: Int32?
  public let eos: Int32?
  /// The end of one speaker's turn (`eot_token_id`).
  public let endOfTurn: Int32?
  /// The end of a message that a tool will answer (`eom_token_id`).
  public let endOfMessage: Int32?
  public let unknown: Int32?
  public let padding: Int32?
  /// Every token that ends a model's answer: EOS, end of turn, end of message, and tokens known by their text.
  public let endOfGeneration: Set<Int32>
  /// Whether `encode` puts BOS in front when asked for special tokens.
  public let addsBOS: Bool
  /// Whether `encode` puts EOS behind when asked for special tokens.
  public let addsEOS: Bool
  /// Whether text at the start, and behind a special token, is encoded as if a space stood before it (SentencePiece).
  public let addsSpacePrefix: Bool

  let model: Model
  let specials: SpecialTokens
  let specialsTakeWhitespace: Bool
  let table: TokenTable
  let types: [Vocabulary.TokenType]
  /// Tokens that the vocabulary of the file does not have, or has only a placeholder for.
  let added: [Int32: AddedPiece]

  /// The largest number of tokens that is accepted; the largest known vocabulary has 262 144.
  static let countLimit = 1 << 24

  /// Reads and checks the vocabulary of a model file.
  ///
  /// - Throws: `TokenizerError`, or `GGUFError` for a value of the wrong type.
  /// - Complexity: linear in the size of the vocabulary; about 0.3 µs a token and merge.
  package convenience init(_ metadata: Metadata) throws {
    try self.init(Vocabulary(metadata))
  }

  package init(_ vocabulary: Vocabulary) throws(TokenizerError) {
    let tokens = vocabulary.tokens
    guard !tokens.isEmpty else { throw .noTokens(key: Vocabulary.Key.tokens) }
    guard tokens.count <= Tokenizer.countLimit else {
      throw .tooManyTokens(key: Vocabulary.Key.tokens, limit: Tokenizer.countLimit, found: tokens.count)
    }
    var types = try Tokenizer.types(vocabulary)
    if let scores = vocabulary.scores, scores.count != tokens.count {
      throw .lengthMismatch(key: Vocabulary.Key.scores, expected: tokens.count, found: scores.count)
    }
    func id(_ value: Int?, _ key: String) throws(TokenizerError) -> Int32? {
      guard let value else { return nil }
      guard value >= 0, value < tokens.count else {
        throw .idOutOfRange(key: key, expected: 0..<tokens.count, found: value)
      }
      return Int32(value)
    }
    vocabularyCount = tokens.count
    bos = try id(vocabulary.bos, Vocabulary.Key.bos)
    eos = try id(vocabulary.eos, Vocabulary.Key.eos)
    endOfTurn = try id(vocabulary.endOfTurn, Vocabulary.Key.endOfTurn)
    endOfMessage = try id(vocabulary.endOfMessage, Vocabulary.Key.endOfMessage)
    unknown = try id(vocabulary.unknown, Vocabulary.Key.unknown)
    padding = try id(vocabulary.padding, Vocabulary.Key.padding)

    let ending = EndOfGeneration.tokens(tokens, types)
    // Some converters call them user-defined; they are no text for a reader all the same.
    for id in ending { types[id] = .control }
    endOfGeneration = Set(ending.map { Int32($0) } + [eos, endOfTurn, endOfMessage].compactMap { $0 })

    let (table, specials) = try Tokenizer.tables(vocabulary, types)
    switch vocabulary.model {
    case .gpt2:
      let isSpecial = types.map { $0 == .control || $0 == .unknown }
      model = .bytePair(try BytePairModel(vocabulary, table: table, isSpecial: isSpecial))
    case .llama:
      let byteTokens = Tokenizer.byteTokens(tokens, types)
      model = .sentencePiece(try SentencePieceModel(vocabulary, table: table, byteTokens: byteTokens))
    }
    self.table = table
    self.specials = specials
    self.types = types
    added = [:]
    specialsTakeWhitespace = vocabulary.specialsTakeWhitespace
    addsSpacePrefix = vocabulary.model == .llama && vocabulary.addsSpacePrefix ?? true

    let usuallyAddsBOS =
      switch vocabulary.model {
      case .gpt2: try PreTokenizer(named: vocabulary.preTokenizer ?? "default").addsBOS
      case .llama: true
      }
    if vocabulary.addsBOS == true, bos == nil {
      throw .missingSpecialToken(key: Vocabulary.Key.bos, neededBy: Vocabulary.Key.addsBOS)
    }
    if vocabulary.addsEOS == true, eos == nil {
      throw .missingSpecialToken(key: Vocabulary.Key.eos, neededBy: Vocabulary.Key.addsEOS)
    }
    addsBOS = bos != nil && vocabulary.addsBOS ?? usuallyAddsBOS
    addsEOS = eos != nil && vocabulary.addsEOS ?? false
  }

  /// `base` with more tokens; see `adding`.
  init(_ base: Tokenizer, specials: SpecialTokens, added: [Int32: AddedPiece], ending: [Int32]) {
    vocabularyCount = max(base.vocabularyCount, added.keys.max().map { Int($0) + 1 } ?? 0)
    bos = base.bos
    eos = base.eos
    endOfTurn = base.endOfTurn
    endOfMessage = base.endOfMessage
    unknown = base.unknown
    padding = base.padding
    endOfGeneration = base.endOfGeneration.union(ending)
    addsBOS = base.addsBOS
    addsEOS = base.addsEOS
    addsSpacePrefix = base.addsSpacePrefix
    model = base.model
    self.specials = specials
    specialsTakeWhitespace = base.specialsTakeWhitespace
    table = base.table
    types = base.types
    self.added = added
  }

  /// Whether a token steers the model and is no text: BOS, EOS, the marks of a chat.
  public func isControl(_ id: Int32) -> Bool { piece(of: id)?.type == .control }

  public func isEndOfGeneration(_ id: Int32) -> Bool {
    endOfGeneration.contains(id)
  }

  /// The token with exactly this text, special tokens first; nil if `text` is not one token. A space is a space here,
  /// not the "Ġ" or "▁" of the file.
  public func tokenID(for text: String) -> Int32? {
    let bytes = text.utf8.span
    if let id = specials.id(of: bytes) { return Int32(id) }
    return table.id(of: bytes, from: 0, to: bytes.count).map { Int32($0) }
  }
}
