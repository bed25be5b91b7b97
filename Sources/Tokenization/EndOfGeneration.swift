/// Tokens that end a model's answer by convention, whatever ids the file names.
enum EndOfGeneration {
  /// The texts under which models are known to end a turn, a message or a document.
  static let texts: Set<String> = [
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<|end|>", "<end_of_turn>",
    "<end_of_utterance>", "<|return|>", "<|call|>", "<EOT>", "[EOT]", "[EOS]", "<eos>", "</s>",
    "<｜end▁of▁sentence｜>",
  ]

  /// The tokens with such a text that stand for themselves in a text; an ordinary token that happens to read so does not.
  ///
  /// In the harmony format, which is known by `<|return|>` and `<|call|>`, `<|end|>` only ends a message.
  static func tokens(_ tokens: [String], _ types: [Vocabulary.TokenType]) -> [Int] {
    var found: [String: Int] = [:]
    for (id, type) in types.enumerated() where type == .control || type == .userDefined {
      if texts.contains(tokens[id]) { found[tokens[id]] = id }
    }
    if found["<|return|>"] != nil, found["<|call|>"] != nil { found["<|end|>"] = nil }
    return found.values.sorted()
  }
}
