/// The words of OpenAI's o200k and of Mistral's Tekken, which also break where lower case turns to upper case:
/// ```
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// |[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// |\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
/// ```
/// Source: tokenizer.json of GPT-4o (o200k_base) and of Mistral NeMo. llama.cpp approximates the classes of case by
/// `[A-Z]` and `[a-z]`, so it can differ in text with other cased letters; the models were trained with these.
struct CasedWords: Sendable {
  /// Whether a contraction belongs to the word in front of it (o200k) or is nothing special (Tekken).
  var contractions: Bool
  /// The n of `\p{N}{1,n}`.
  var maximumDigits: Int

  private static let upper: CharacterClass = [.uppercase, .otherLetter, .mark]
  private static let lower: CharacterClass = [.lowercase, .otherLetter, .mark]

  var rule: SplitRule {
    let pattern = self
    return SplitRule { text, start, limit in pattern.match(text, start, limit) }
  }

  private func match(_ text: Span<UInt8>, _ start: Int, _ limit: Int) -> SplitRule.Outcome {
    let (kind, length) = text.classified(at: start)
    let next = start + length
    let canBePrefix = !kind.meets([.letter, .number]) && !text.isNewline(at: start)
    let followsLetter = next < limit && text.classified(at: next).kind.meets([.letter, .mark])
    if kind.meets([.letter, .mark]) || (canBePrefix && followsLetter) {
      // The optional prefix is tried first with, then without, in each of the two alternatives.
      var end = start
      if canBePrefix, followsLetter { end = lowerEnded(text, next, limit) ?? start }
      if end == start { end = lowerEnded(text, start, limit) ?? start }
      if end == start, canBePrefix, followsLetter { end = upperStarted(text, next, limit) ?? start }
      if end == start { end = upperStarted(text, start, limit) ?? start }
      if end > start { return .match(withContraction(text, end, limit)) }
    }
    if kind.meets(.number) {
      return .match(text.endOfNumbers(from: start, limit: limit, atMost: maximumDigits))
    }
    let runEnds: CharacterClass = [.whitespace, .letter, .number]
    let spaceBeforeRun =
      text[start] == UInt8(ascii: " ") && next < limit && !text.classified(at: next).kind.meets(runEnds)
    if spaceBeforeRun || !kind.meets(runEnds) {
      var end = text.endOfRun(outside: runEnds, from: next, limit: limit)
      while end < limit, text.isNewline(at: end) || text[end] == UInt8(ascii: "/") { end += 1 }
      return .match(end)
    }
    return .match(text.endOfWhitespace(from: start, limit: limit, breakingAfterNewline: true))
  }

  /// `[upper]*[lower]+`: greedy, then giving back scalars until the second part has one.
  private func lowerEnded(_ text: Span<UInt8>, _ start: Int, _ limit: Int) -> Int? {
    var position = start
    var afterShared: Int?
    while position < limit {
      let (kind, length) = text.classified(at: position)
      guard kind.meets(CasedWords.upper) else { break }
      position += length
      if kind.meets(CasedWords.lower) { afterShared = position }
    }
    let end = text.endOfRun(of: CasedWords.lower, from: position, limit: limit)
    return end > position ? end : afterShared
  }

  /// `[upper]+[lower]*`
  private func upperStarted(_ text: Span<UInt8>, _ start: Int, _ limit: Int) -> Int? {
    let middle = text.endOfRun(of: CasedWords.upper, from: start, limit: limit)
    guard middle > start else { return nil }
    return text.endOfRun(of: CasedWords.lower, from: middle, limit: limit)
  }

  private func withContraction(_ text: Span<UInt8>, _ end: Int, _ limit: Int) -> Int {
    guard contractions, end < limit, text[end] == UInt8(ascii: "'") else { return end }
    return text.endOfContraction(from: end, limit: limit, ignoringCase: true)
  }
}
