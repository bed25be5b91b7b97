/// What is wrong with a vocabulary.
public enum TokenizerError: Error, Equatable, Sendable {
  /// `tokenizer.ggml.model` names a kind of vocabulary that is not implemented.
  case unsupportedModel(name: String, supported: [String])
  /// `tokenizer.ggml.pre` names an unknown way of splitting words.
  case unknownPreTokenizer(name: String, known: [String])
  case missingKey(key: String)
  case noTokens(key: String)
  case tooManyTokens(key: String, limit: Int, found: Int)
  /// An array that belongs to the tokens has another length than they.
  case lengthMismatch(key: String, expected: Int, found: Int)
  case unknownTokenType(key: String, id: Int, found: Int)
  case scoreNotANumber(key: String, id: Int)
  case duplicateToken(key: String, text: String, first: Int, second: Int)
  case tokenTooLong(key: String, id: Int, limit: Int, found: Int)
  case idOutOfRange(key: String, expected: Range<Int>, found: Int)
  /// BOS or EOS is to be added, but the file names no such token.
  case missingSpecialToken(key: String, neededBy: String)
  /// A merge that is not two parts with a space between.
  case malformedMerge(key: String, index: Int, text: String)
  /// A merge with a part, or a result, that is not a token.
  case mergeOutsideVocabulary(key: String, index: Int, text: String)
  /// Text with this byte could not be encoded, for there is neither a token for it nor an unknown token.
  case missingByteToken(key: String, byte: UInt8)
}

extension TokenizerError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unsupportedModel(let name, let supported):
      "tokenizer.ggml.model is '\(name)'; supported are \(TokenizerError.list(supported))"
    case .unknownPreTokenizer(let name, let known):
      "tokenizer.ggml.pre is '\(name)', which is unknown; known are \(TokenizerError.list(known))"
    case .missingKey(let key):
      "\(key) is missing: the file has no complete vocabulary; use a model converted with its tokenizer"
    case .noTokens(let key):
      "\(key) is empty; expected at least one token"
    case .tooManyTokens(let key, let limit, let found):
      "\(key) has \(found) entries; expected at most \(limit)"
    case .lengthMismatch(let key, let expected, let found):
      "\(key) has \(found) elements; expected \(expected), one for each of tokenizer.ggml.tokens"
    case .unknownTokenType(let key, let id, let found):
      "\(key) of token \(id) is \(found); expected 0 to 6"
    case .scoreNotANumber(let key, let id):
      "\(key) of token \(id) is NaN; expected a number"
    case .duplicateToken(let key, let text, let first, let second):
      "\(key) has '\(text)' twice, as \(first) and \(second); expected distinct tokens"
    case .tokenTooLong(let key, let id, let limit, let found):
      "\(key): special token \(id) has \(found) bytes; expected at most \(limit)"
    case .idOutOfRange(let key, let expected, let found):
      "\(key) is \(found); expected \(expected.lowerBound) to \(expected.upperBound - 1)"
    case .missingSpecialToken(let key, let neededBy):
      "\(neededBy) is true but \(key) is missing"
    case .malformedMerge(let key, let index, let text):
      "\(key)[\(index)] is '\(text)'; expected two parts with a space between"
    case .mergeOutsideVocabulary(let key, let index, let text):
      "\(key)[\(index)] is '\(text)', but its parts and their concatenation are not all in tokenizer.ggml.tokens"
    case .missingByteToken(let key, let byte):
      "\(key) has no token for byte \(byte) and there is no unknown token: some text could not be encoded"
    }
  }

  private static func list(_ names: [String]) -> String {
    names.joined(separator: ", ")
  }
}
