/// The words of OpenAI's cl100k and its many descendants. With the defaults this is the expression of Llama 3:
/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
///
/// Source: tokenizer.json of Llama 3; cl100k_base of tiktoken.
struct CL100KWords: Sendable {
  /// What a word is made of: `\p{L}`.
  var letters: CharacterClass = .letter
  /// The n of `\p{N}{1,n}`.
  var maximumDigits = 3
  /// What ends a run of other characters: the `\s\p{L}\p{N}` of `[^\s\p{L}\p{N}]+`.
  var runEnds: CharacterClass = [.whitespace, .letter, .number]
  /// Whether such a run takes the newlines behind it.
  var runTakesNewlines = true

  var rule: SplitRule {
    let pattern = self
    return SplitRule { text, start, limit in pattern.match(text, start, limit) }
  }

  @inline(__always)
  private func match(_ text: Span<UInt8>, _ start: Int, _ limit: Int) -> SplitRule.Outcome {
    let byte = text[start]
    if byte == UInt8(ascii: "'") {
      let end = text.endOfContraction(from: start, limit: limit, ignoringCase: true)
      if end > start { return .match(end) }
    }
    let (kind, length) = text.classified(at: start)
    let next = start + length
    if kind.meets(.letter) { return .match(text.endOfRun(of: letters, from: next, limit: limit)) }
    if kind.meets(.number) {
      return .match(text.endOfNumbers(from: start, limit: limit, atMost: maximumDigits))
    }
    // [^\r\n\p{L}\p{N}]?\p{L}+
    let following = next < limit ? text.classified(at: next).kind : []
    if following.meets(letters), !text.isNewline(at: start) {
      return .match(text.endOfRun(of: letters, from: next, limit: limit))
    }
    if kind.meets(letters) { return .match(next) }
    //  ?[^\s\p{L}\p{N}]+[\r\n]*
    let spaceBeforeRun = byte == UInt8(ascii: " ") && next < limit && !following.meets(runEnds)
    if spaceBeforeRun || !kind.meets(runEnds) {
      var end = text.endOfRun(outside: runEnds, from: next, limit: limit)
      if runTakesNewlines {
        while end < limit, text.isNewline(at: end) { end += 1 }
      }
      return .match(end)
    }
    return .match(text.endOfWhitespace(from: start, limit: limit, breakingAfterNewline: true))
  }
}
