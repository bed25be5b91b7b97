import GGUF

extension Vocabulary {
  /// Reads the `tokenizer.ggml.*` keys of a model file.
  ///
  /// - Throws: `TokenizerError` for a missing key or an unsupported model, `GGUFError` for a value of the wrong type.
  package init(_ metadata: Metadata) throws {
    guard let name = try metadata.string(Key.model) else { throw TokenizerError.missingKey(key: Key.model) }
    guard let model = Model(rawValue: name) else {
      throw TokenizerError.unsupportedModel(name: name, supported: Model.allCases.map(\.rawValue))
    }
    guard let tokens = try metadata.strings(Key.tokens) else {
      throw TokenizerError.missingKey(key: Key.tokens)
    }
    self.init(model: model, preTokenizer: try metadata.string(Key.preTokenizer), tokens: tokens)
    types = try metadata.ints(Key.types)
    scores = try metadata.floats(Key.scores)
    merges = try metadata.strings(Key.merges)
    bos = try Vocabulary.id(metadata, Key.bos)
    eos = try Vocabulary.id(metadata, Key.eos)
    endOfTurn = try Vocabulary.id(metadata, Key.endOfTurn)
    endOfMessage = try Vocabulary.id(metadata, Key.endOfMessage)
    unknown = try Vocabulary.id(metadata, Key.unknown)
    padding = try Vocabulary.id(metadata, Key.padding)
    addsBOS = try metadata.bool(Key.addsBOS)
    addsEOS = try metadata.bool(Key.addsEOS)
    addsSpacePrefix = try metadata.bool(Key.addsSpacePrefix)
    // Phi-3's tokenizer.json marks its special tokens `rstrip`. GGUF has no key for that; llama.cpp goes by the name too.
    let modelName = try metadata.string("general.name")?.lowercased() ?? ""
    specialsTakeWhitespace = model == .llama && (modelName.contains("phi-3") || modelName.contains("phi3"))
  }

  /// An id; -1, in any width, is the usual way to say "none".
  private static func id(_ metadata: Metadata, _ key: String) throws -> Int? {
    guard let id = try metadata.int(key), id != -1, id != Int(UInt32.max) else { return nil }
    return id
  }
}
