extension SplitRule {
  /// The words of GPT-2: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
  ///
  /// Source: `ByteLevel(use_regex: true)` of Hugging Face's tokenizers; encoder.py of GPT-2.
  static let gpt2Words = SplitRule { text, start, limit in
    if text[start] == UInt8(ascii: "'") {
      let end = text.endOfContraction(from: start, limit: limit, ignoringCase: false)
      if end > start { return .match(end) }
    }
    var (kind, length) = text.classified(at: start)
    var body = start
    if text[start] == UInt8(ascii: " "), start + 1 < limit {
      let (next, nextLength) = text.classified(at: start + 1)
      if !next.meets(.whitespace) {
        (kind, length) = (next, nextLength)
        body = start + 1
      }
    }
    if kind.meets(.letter) {
      return .match(text.endOfRun(of: .letter, from: body + length, limit: limit))
    }
    if kind.meets(.number) {
      return .match(text.endOfRun(of: .number, from: body + length, limit: limit))
    }
    if !kind.meets(.whitespace) {
      return .match(
        text.endOfRun(outside: [.whitespace, .letter, .number], from: body + length, limit: limit))
    }
    return .match(text.endOfWhitespace(from: start, limit: limit, breakingAfterNewline: false))
  }
}
