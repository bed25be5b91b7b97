/// What a token stands for that was added to a vocabulary.
struct AddedPiece: Sendable {
  let bytes: [UInt8]
  let type: Vocabulary.TokenType
}

extension Tokenizer {
  /// A token to be added.
  package struct Addition: Sendable, Equatable {
    /// Behind the vocabulary, or of a token that is only a placeholder there.
    package let id: Int
    package let text: String
    /// A control token, rather than text that is kept together.
    package let isSpecial: Bool

    package init(id: Int, text: String, isSpecial: Bool) {
      self.id = id
      self.text = text
      self.isSpecial = isSpecial
    }
  }

  /// A tokenizer that knows more tokens, and shares everything else with this one.
  ///
  /// Added tokens are found in text as they stand, before anything else; special ones only with `parseSpecial`, as all
  /// control tokens. A text that is a special token already keeps its old id, and an empty or very long one is not found.
  ///
  /// - Complexity: O(special tokens), whatever the vocabulary's size.
  package func adding(_ tokens: [Addition]) -> Tokenizer {
    var specials = specials
    var added = added
    for token in tokens where token.id >= 0 && token.id < Tokenizer.countLimit {
      let type: Vocabulary.TokenType = token.isSpecial ? .control : .userDefined
      if token.text.utf8.count <= SpecialTokens.lengthLimit {
        _ = specials.insert(token.text.utf8, id: token.id, onlyWhenParsing: token.isSpecial)
      }
      added[Int32(token.id)] = AddedPiece(bytes: Array(token.text.utf8), type: type)
    }
    let ending = tokens.filter { $0.isSpecial && EndOfGeneration.texts.contains($0.text) }
    return Tokenizer(self, specials: specials, added: added, ending: ending.map { Int32($0.id) })
  }
}
