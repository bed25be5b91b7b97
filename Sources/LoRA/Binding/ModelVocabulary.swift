import GGUF
import Transformer

/// The tokens of a model's file, as far as fitting an adapter needs to know them.
struct ModelVocabulary {
  /// Rows of the model's embedding.
  let size: Int
  /// As the file writes them; there may be fewer than rows.
  let texts: [String]
  private let types: [Int]

  init(_ decoder: Decoder) {
    size = decoder.hyperparameters.vocabularySize
    texts = (try? decoder.file.metadata.strings("tokenizer.ggml.tokens")) ?? []
    types = (try? decoder.file.metadata.ints("tokenizer.ggml.token_type")) ?? []
  }

  /// Does the model have the token? Its file may write a space as SentencePiece does.
  func has(_ token: AddedToken) -> Bool {
    guard token.id < texts.count else { return false }
    func plain(_ text: String) -> [Unicode.Scalar] { text.unicodeScalars.map { $0 == "\u{2581}" ? " " : $0 } }
    return plain(texts[token.id]) == plain(token.text)
  }

  /// Converters fill up a vocabulary to the rows of the matrices: type 5, "unused", and such a text. Makers of models leave
  /// room for the tokens of others.
  func isPlaceholder(_ id: Int) -> Bool {
    id >= texts.count || (id < types.count && types[id] == 5) || texts[id] == "[PAD\(id)]"
      || Self.isReserved(texts[id])
  }

  /// Is it `<|reserved_special_token_7|>` (Llama 3), `<unused7>` (Gemma), `<|placeholder7|>` (Phi 3), `<|dummy_7|>` (Phi 4),
  /// `[control_7]` or `<SPECIAL_7>` (Mistral)?
  private static func isReserved(_ text: String) -> Bool {
    for (start, end) in reserved where text.hasPrefix(start) && text.hasSuffix(end) {
      let number = text.dropFirst(start.count).dropLast(end.count)
      if !number.isEmpty, number.allSatisfy({ $0.isASCII && $0.isNumber }) { return true }
    }
    return false
  }

  private static let reserved = [
    ("<|reserved_special_token_", "|>"), ("<unused", ">"), ("<|placeholder", "|>"), ("<|dummy_", "|>"),
    ("[control_", "]"), ("<SPECIAL_", ">"),
  ]

  /// Has no row from `first` on a token of its own? Not so where the file has no vocabulary at all.
  func hasOnlyPlaceholders(from first: Int) -> Bool {
    !texts.isEmpty && first > 0 && (first..<max(first, size)).allSatisfy(isPlaceholder)
  }
}
