extension SplitRule {
  /// `\s?[A-Za-zµÀ-ÖØ-ö…]+`: the cased letters that DeepSeek LLM lists one range after the other.
  ///
  /// Source: tokenizer.json of DeepSeek LLM (the second step; the ranges are in `deepSeekLetters`).
  static let deepSeekLetterRuns = SplitRule.run(afterWhitespace: true) { value in
    if value < 0x80 { return (value | 0x20) >= 0x61 && (value | 0x20) <= 0x7A }
    var low = 0
    var high = deepSeekLetters.count
    while low < high {
      let middle = (low + high) / 2
      if deepSeekLetters[middle].last < value { low = middle + 1 } else { high = middle }
    }
    return low < deepSeekLetters.count && deepSeekLetters[low].first <= value
  }

  /// `\s?[!-/:-~！-／：-～‘-‟\u{3000}-。]+`; `:-~` holds the Latin letters too.
  static let deepSeekPunctuationRuns = SplitRule.run(afterWhitespace: true) { value in
    switch value {
    case 0x21...0x2F, 0x3A...0x7E, 0xFF01...0xFF0F, 0xFF1A...0xFF5E, 0x2018...0x201F, 0x3000...0x3002: true
    default: false
    }
  }

  /// `[一-龥ࠀ-一가-\u{D7FF}]+`; the second range runs from U+0800 to U+4E00.
  static let deepSeekIdeographRuns = SplitRule.run { value in
    (value >= 0x0800 && value <= 0x9FA5) || (value >= 0xAC00 && value <= 0xD7FF)
  }

  /// `\s?\p{L}+`, the letters of DeepSeek Coder.
  static let deepSeekCoderLetterRuns = SplitRule.run(afterWhitespace: true) {
    CharacterClass(scalar: $0).meets(.letter)
  }

  /// `\s?\p{P}+`
  static let deepSeekCoderPunctuationRuns = SplitRule.run(afterWhitespace: true) {
    CharacterClass(scalar: $0).meets(.punctuation)
  }

  /// `\s+$`
  static let trailingWhitespace = SplitRule { text, start, limit in
    let end = text.endOfRun(of: .whitespace, from: start, limit: limit)
    if end == limit { return .match(end) }
    return .noMatch(before: end > start ? end : start + text.scalarLength(at: start))
  }

  /// `[一-龥぀-ゟ゠-ヿ]+`, the second step of DeepSeek V3.
  static let hanAndKanaRuns = SplitRule.run { value in
    (value >= 0x4E00 && value <= 0x9FA5) || (value >= 0x3040 && value <= 0x30FF)
  }

  /// The third step of DeepSeek V3:
  /// ```
  /// [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+
  /// | ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  /// ```
  /// Source: tokenizer.json of DeepSeek V3. It matches no digits and no controls: those are between its pieces.
  static let deepSeekV3Words = SplitRule { text, start, limit in
    let marks: CharacterClass = [.punctuation, .symbol]
    let word: CharacterClass = [.letter, .mark]
    let (kind, length) = text.classified(at: start)
    let next = start + length
    if length == 1, kind.meets(marks), next < limit {
      var end = next
      while end < limit, CharacterClass(ascii: text[end]).meets(.letter) { end += 1 }
      if end > next { return .match(end) }
    }
    let following = next < limit ? text.classified(at: next).kind : []
    let canBePrefix = !kind.meets([.letter, .punctuation, .symbol]) && !text.isNewline(at: start)
    if kind.meets(word) || (canBePrefix && following.meets(word)) {
      return .match(text.endOfRun(of: word, from: next, limit: limit))
    }
    if kind.meets(marks) || (text[start] == UInt8(ascii: " ") && following.meets(marks)) {
      var end = text.endOfRun(of: marks, from: next, limit: limit)
      while end < limit, text.isNewline(at: end) { end += 1 }
      return .match(end)
    }
    guard kind.meets(.whitespace) else { return .noMatch(before: next) }
    return .match(text.endOfWhitespace(from: start, limit: limit, breakingAfterNewline: true))
  }
}

private let deepSeekLetters: [(first: UInt32, last: UInt32)] = [
  (0x41, 0x5A), (0x61, 0x7A), (0xB5, 0xB5), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x1BA), (0x1BC, 0x1BF),
  (0x1C4, 0x293), (0x295, 0x2AF), (0x370, 0x373), (0x376, 0x376), (0x377, 0x377), (0x37B, 0x37D),
  (0x37F, 0x37F), (0x386, 0x386), (0x388, 0x38A), (0x38C, 0x38C), (0x38E, 0x3A1), (0x3A3, 0x3F5),
  (0x3F7, 0x481), (0x48A, 0x52F), (0x531, 0x556), (0x10A0, 0x10C5), (0x13A0, 0x13F5), (0x13F8, 0x13FD),
  (0x1C90, 0x1CBA), (0x1CBD, 0x1CBF), (0x1D00, 0x1D2B), (0x1D6B, 0x1D77), (0x1D79, 0x1D9A),
  (0x1E00, 0x1F15), (0x1F18, 0x1F1D), (0x1F20, 0x1F45), (0x1F48, 0x1F4D), (0x1F50, 0x1F57),
  (0x1F59, 0x1F59), (0x1F5B, 0x1F5B), (0x1F5D, 0x1F5D), (0x1F5F, 0x1F7D), (0x1F80, 0x1FB4),
  (0x1FB6, 0x1FBC), (0x1FBE, 0x1FBE), (0x1FC2, 0x1FC4), (0x1FC6, 0x1FCC), (0x1FD0, 0x1FD3),
  (0x1FD6, 0x1FDB), (0x1FE0, 0x1FEC), (0x1FF2, 0x1FF4), (0x1FF6, 0x1FFC), (0x2102, 0x2102),
  (0x2107, 0x2107), (0x210A, 0x2113), (0x2115, 0x2115), (0x2119, 0x211D), (0x2124, 0x2124),
  (0x2126, 0x2126), (0x2128, 0x2128), (0x212A, 0x212D), (0x212F, 0x2134), (0x2139, 0x2139),
  (0x213C, 0x213F), (0x2145, 0x2149), (0x214E, 0x214E), (0x2183, 0x2183), (0x2184, 0x2184),
  (0x2C00, 0x2C7B), (0x2C7E, 0x2CE4), (0x2CEB, 0x2CEE), (0x2CF2, 0x2CF2), (0x2CF3, 0x2CF3),
  (0xA640, 0xA66D), (0xA680, 0xA69B), (0xA722, 0xA76F), (0xA771, 0xA787), (0xA78B, 0xA78E),
  (0xAB70, 0xABBF), (0xFB00, 0xFB06), (0xFB13, 0xFB17), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A),
  (0x10400, 0x1044F), (0x104B0, 0x104D3), (0x104D8, 0x104FB), (0x10C80, 0x10CB2), (0x10CC0, 0x10CF2),
  (0x118A0, 0x118DF), (0x1E900, 0x1E943),
]
