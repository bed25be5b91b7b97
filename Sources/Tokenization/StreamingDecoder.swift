/// Turns tokens into text one at a time, as a model makes them.
///
/// Text comes out as soon as it is complete UTF-8: up to three bytes of an unfinished scalar wait for the next token. The
/// pieces and what `finish` returns, joined, equal `Tokenizer.decode` of all tokens.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecial: Bool
  /// Bytes that may be the beginning of a scalar; at most three.
  private var pending: [UInt8] = []
  /// Whether a leading space is still to be taken away.
  private var stripsSpace: Bool

  /// - Parameters:
  ///   - skipSpecial: leave out control and unknown tokens.
  ///   - continuing: the tokens go on from earlier text, so that a leading space is text too. Only SentencePiece
  ///     vocabularies with a space prefix make a difference.
  public init(_ tokenizer: Tokenizer, skipSpecial: Bool = true, continuing: Bool = false) {
    self.tokenizer = tokenizer
    self.skipSpecial = skipSpecial
    stripsSpace = tokenizer.addsSpacePrefix && !continuing
  }

  /// The text that this token completes; often empty, never with half a character.
  public mutating func append(_ id: Int32) -> String {
    pending.append(contentsOf: nextPiece(id))
    let complete = pending.count - StreamingDecoder.unfinishedTail(pending)
    guard complete > 0 else { return "" }
    defer { pending.removeFirst(complete) }
    return String(decoding: pending[..<complete], as: UTF8.self)
  }

  /// What is left at the end: U+FFFD if the last scalar never became complete, else nothing. The decoder then starts anew.
  public mutating func finish() -> String {
    defer {
      pending = []
      stripsSpace = tokenizer.addsSpacePrefix
    }
    return String(decoding: pending, as: UTF8.self)
  }

  /// The bytes that a token adds to the text.
  mutating func nextPiece(_ id: Int32) -> ArraySlice<UInt8> {
    guard let (piece, type) = tokenizer.piece(of: id) else { return [] }
    switch type {
    case .control, .unknown:
      return skipSpecial ? [] : piece
    case .undefined, .normal, .userDefined, .unused, .byte:
      guard stripsSpace, let first = piece.first else { return piece }
      stripsSpace = false
      return first == 0x20 ? piece.dropFirst() : piece
    }
  }

  /// How many bytes at the end are the beginning of a scalar that more bytes could complete: 0 to 3.
  ///
  /// Source: table 3-7 of the Unicode standard, "Well-Formed UTF-8 Byte Sequences".
  static func unfinishedTail(_ bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let start = bytes.count - length
      let lead = bytes[start]
      if lead & 0xC0 == 0x80 { continue }
      let needed = lead >= 0xF0 && lead <= 0xF4 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1
      guard lead <= 0xF4, length < needed else { return 0 }
      guard length > 1 else { return 1 }
      let second = bytes[start + 1]
      let isPossible =
        switch lead {
        case 0xE0: second >= 0xA0
        case 0xED: second <= 0x9F
        case 0xF0: second >= 0x90
        case 0xF4: second <= 0x8F
        default: true
        }
      return isPossible ? length : 0
    }
    return 0
  }
}
