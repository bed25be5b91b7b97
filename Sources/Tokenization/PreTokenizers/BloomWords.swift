extension SplitRule {
  /// ` ?[^(\s|.,!?…。，、।۔،)]+`
  ///
  /// Source: tokenizer.json of BLOOM. The parentheses and the bar stand inside the class, so they too end a word.
  static let bloomWords = SplitRule { text, start, limit in
    func ends(at index: Int) -> Bool {
      let (value, _) = text.scalar(at: index)
      switch value {
      case 0x28, 0x29, 0x7C, 0x2E, 0x2C, 0x21, 0x3F: return true
      case 0x2026, 0x3002, 0xFF0C, 0x3001, 0x0964, 0x06D4, 0x060C: return true
      default: return CharacterClass(scalar: value).meets(.whitespace)
      }
    }
    var position = start
    if text[start] == UInt8(ascii: " ") { position += 1 }
    let body = position
    while position < limit, !ends(at: position) { position += text.scalarLength(at: position) }
    return position > body ? .match(position) : .noMatch(before: start + text.scalarLength(at: start))
  }
}
