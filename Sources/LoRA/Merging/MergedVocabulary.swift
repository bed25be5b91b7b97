import GGUF
import Transformer

/// The vocabulary of a model with the tokens that adapters add, as the keys of a GGUF file.
///
/// Every row of the embedding gets a text and a type, as llama.cpp wants it: rows without a token are placeholders of type
/// "unused", as its converter makes them.
struct MergedVocabulary {
  private static let prefix = "tokenizer.ggml."
  /// `tokenizer.ggml.token_type`.
  private enum Kind {
    static let normal: Int32 = 1, control: Int32 = 3, userDefined: Int32 = 4, unused: Int32 = 5
  }
  /// What llama.cpp's converter gives tokens that are no result of merging.
  private static let score: Float = -1000

  let keys: [(key: String, value: MetadataValue)]

  init(_ decoder: Decoder, _ set: AdapterSet) {
    let metadata = decoder.file.metadata
    let count = decoder.vocabularySize(with: set)
    var texts = (try? metadata.strings(Self.prefix + "tokens")) ?? []
    var types = ((try? metadata.ints(Self.prefix + "token_type")) ?? []).map { Int32(truncatingIfNeeded: $0) }
    var scores = try? metadata.floats(Self.prefix + "scores")
    while types.count < texts.count { types.append(Kind.normal) }
    while texts.count < count {
      texts.append("[PAD\(texts.count)]")
      types.append(Kind.unused)
    }
    if scores != nil { while scores?.count ?? count < count { scores?.append(Self.score) } }
    for token in set.addedTokens {
      texts[token.id] = token.text
      types[token.id] = token.isSpecial ? Kind.control : Kind.userDefined
      scores?[token.id] = Self.score
    }
    var keys: [(key: String, value: MetadataValue)] = [
      (Self.prefix + "tokens", .array(.string(texts))), (Self.prefix + "token_type", .array(.int32(types))),
    ]
    if let scores { keys.append((Self.prefix + "scores", .array(.float32(scores)))) }
    let sizeKey = "\(decoder.hyperparameters.architecture).vocab_size"
    if metadata[sizeKey] != nil { keys.append((sizeKey, .uint32(UInt32(count)))) }
    self.keys = keys
  }
}
