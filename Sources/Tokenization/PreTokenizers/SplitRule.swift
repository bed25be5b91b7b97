/// One step of a pre-tokenizer: a regular expression, written by hand as a scanner over UTF-8.
///
/// A step splits a text as `Split(pattern, behavior: isolated)` of Hugging Face's tokenizers does: every leftmost match is
/// a piece, and so is every stretch between two matches. The text of a step ends at its limit: `(?!\S)` and `$` hold there.
package struct SplitRule: Sendable {
  enum Outcome {
    /// A match that ends at this position, behind the start.
    case match(Int)
    /// No match starts before this position, which lies behind the start.
    case noMatch(before: Int)
  }

  /// The match that starts exactly at a position: (text, start, limit).
  let match: @Sendable (Span<UInt8>, Int, Int) -> Outcome

  init(_ match: @escaping @Sendable (Span<UInt8>, Int, Int) -> Outcome) {
    self.match = match
  }

  /// Appends the ends of the pieces of `text[start..<limit]`.
  func split(_ text: Span<UInt8>, from start: Int, to limit: Int, into ends: inout [Int]) {
    var stretch = start
    var position = start
    while position < limit {
      switch match(text, position, limit) {
      case .match(let end):
        if position > stretch { ends.append(position) }
        ends.append(end)
        position = end
        stretch = end
      case .noMatch(let next):
        position = next
      }
    }
    if limit > stretch { ends.append(limit) }
  }
}

/// Rules that are made of a class alone.
extension SplitRule {
  /// `\p{N}{1,count}`
  static func numbers(upTo count: Int) -> SplitRule {
    SplitRule { text, start, limit in
      let end = text.endOfNumbers(from: start, limit: limit, atMost: count)
      return end > start ? .match(end) : .noMatch(before: start + text.scalarLength(at: start))
    }
  }

  /// `[\r\n]`
  static let newline = SplitRule { text, start, _ in
    text.isNewline(at: start) ? .match(start + 1) : .noMatch(before: start + text.scalarLength(at: start))
  }

  /// A run of the scalars that `contains` accepts: `[…]+`, behind one white space if `afterWhitespace`: `\s?[…]+`.
  static func run(
    afterWhitespace: Bool = false, of contains: @escaping @Sendable (UInt32) -> Bool
  ) -> SplitRule {
    SplitRule { text, start, limit in
      let (first, length) = text.scalar(at: start)
      var position = start
      if afterWhitespace, CharacterClass(scalar: first).meets(.whitespace) {
        position += length
      }
      let bodyStart = position
      while position < limit {
        let (value, length) = text.scalar(at: position)
        guard contains(value) else { break }
        position += length
      }
      if position > bodyStart { return .match(position) }
      // The white space may itself be in the class: then the optional prefix gives it back.
      if bodyStart > start, contains(first) { return .match(bodyStart) }
      return .noMatch(before: start + length)
    }
  }
}

/// Pieces of regular expressions that many pre-tokenizers share. The results are ends; `start` means "no match".
extension Span where Element == UInt8 {
  @inline(__always)
  func isNewline(at index: Int) -> Bool {
    self[index] == 0x0A || self[index] == 0x0D
  }

  /// `\p{N}{1,count}`
  @inline(__always)
  func endOfNumbers(from start: Int, limit: Int, atMost count: Int) -> Int {
    var position = start
    var taken = 0
    while position < limit, taken < count {
      let (kind, length) = classified(at: position)
      guard kind.meets(.number) else { break }
      position += length
      taken += 1
    }
    return position
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d`, where `self[start]` is the apostrophe. Without regard to case also U+017F, the long s,
  /// counts as an s (simple case folding, as in Oniguruma and in Rust's regex).
  func endOfContraction(from start: Int, limit: Int, ignoringCase: Bool) -> Int {
    guard start + 1 < limit else { return start }
    let caseBit: UInt8 = ignoringCase ? 0x20 : 0
    let first = self[start + 1] | caseBit
    switch first {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"), UInt8(ascii: "l"):
      guard start + 2 < limit else { return start }
      let second: UInt8 = first == UInt8(ascii: "l") ? UInt8(ascii: "l") : UInt8(ascii: "e")
      return self[start + 2] | caseBit == second ? start + 3 : start
    default:
      let isLongS = ignoringCase && start + 2 < limit && self[start + 1] == 0xC5 && self[start + 2] == 0xBF
      return isLongS ? start + 3 : start
    }
  }

  /// White space from `start` on, which must be white space: `\s*[\r\n]+|\s+(?!\S)|\s+`, or without `breakingAfterNewline`
  /// only `\s+(?!\S)|\s+`.
  func endOfWhitespace(from start: Int, limit: Int, breakingAfterNewline: Bool) -> Int {
    var position = start
    var last = start
    var afterNewline = start
    while position < limit {
      let (kind, length) = classified(at: position)
      guard kind.meets(.whitespace) else { break }
      last = position
      position += length
      if breakingAfterNewline, isNewline(at: last) { afterNewline = position }
    }
    if afterNewline > start { return afterNewline }
    // In front of a word the last white space stays with it.
    return position < limit && last > start ? last : position
  }
}
