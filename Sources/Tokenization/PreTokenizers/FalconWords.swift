extension SplitRule {
  /// `[\p{P}\$\+<=>\^~\|]+`, for Falcon also the grave accent: Unicode punctuation and the symbols of ASCII.
  ///
  /// Source: `Punctuation(behavior: contiguous)` in Falcon's tokenizer.json.
  static func punctuationRuns(withGraveAccent: Bool) -> SplitRule {
    SplitRule { text, start, limit in
      var position = start
      while position < limit {
        let (kind, length) = text.classified(at: position)
        guard kind.meets(.punctuation) || (kind.meets(.symbol) && length == 1) else { break }
        if !withGraveAccent, text[position] == UInt8(ascii: "`") { break }
        position += length
      }
      return position > start ? .match(position) : .noMatch(before: start + text.scalarLength(at: start))
    }
  }

  /// `[0-9][0-9][0-9]`
  static let threeDigits = SplitRule { text, start, limit in
    for position in start..<start + 3 {
      guard position < limit else { return .noMatch(before: limit) }
      guard text[position] >= UInt8(ascii: "0"), text[position] <= UInt8(ascii: "9") else {
        return .noMatch(before: position + text.scalarLength(at: position))
      }
    }
    return .match(start + 3)
  }
}
