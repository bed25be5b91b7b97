extension TemplateValue {
  /// Reads JSON (RFC 8259), keeping the order of keys, which templates that print tools depend on.
  ///
  /// A number without fraction or exponent that fits 64 bits becomes an integer; any other a double.
  /// - Throws: `ChatTemplateError.invalidJSON`; nesting beyond 100 levels is refused too.
  package init(json: String) throws(ChatTemplateError) {
    var reader = JSONReader(bytes: Array(json.utf8))
    self = try reader.readDocument()
  }
}

/// A recursive descent reader of JSON over UTF-8 bytes.
private struct JSONReader {
  let bytes: [UInt8]
  var position = 0
  var depth = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func readDocument() throws(ChatTemplateError) -> TemplateValue {
    let value = try readValue()
    skipSpace()
    guard position == bytes.count else { throw error("text after the value") }
    return value
  }

  private func error(_ problem: String) -> ChatTemplateError {
    .invalidJSON(offset: position, problem: problem)
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || (0x09...0x0D).contains(byte) { position += 1 }
  }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard current == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(ChatTemplateError) {
    guard skip(character) else { throw error("expected '\(character)'") }
  }

  private mutating func readValue() throws(ChatTemplateError) -> TemplateValue {
    skipSpace()
    guard depth < TemplateLimits().valueNesting else { throw error("nested too deep") }
    depth += 1
    defer { depth -= 1 }
    switch current {
    case UInt8(ascii: "{"): return try readObject()
    case UInt8(ascii: "["): return try readArray()
    case UInt8(ascii: "\""): return .string(try readString())
    case UInt8(ascii: "t"): return try readWord("true", .bool(true))
    case UInt8(ascii: "f"): return try readWord("false", .bool(false))
    case UInt8(ascii: "n"): return try readWord("null", .none)
    default: return try readNumber()
    }
  }

  private mutating func readWord(_ word: String, _ value: TemplateValue) throws(ChatTemplateError)
    -> TemplateValue
  {
    guard bytes[position...].starts(with: word.utf8) else { throw error("expected '\(word)'") }
    position += word.utf8.count
    return value
  }

  private mutating func readObject() throws(ChatTemplateError) -> TemplateValue {
    position += 1
    var pairs: [(String, TemplateValue)] = []
    if skip("}") { return .object([:]) }
    repeat {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw error("expected a key") }
      let key = try readString()
      try expect(":")
      pairs.append((key, try readValue()))
    } while skip(",")
    try expect("}")
    return .object(TemplateObject(pairs))
  }

  private mutating func readArray() throws(ChatTemplateError) -> TemplateValue {
    position += 1
    var items: [TemplateValue] = []
    if skip("]") { return .array([]) }
    repeat { items.append(try readValue()) } while skip(",")
    try expect("]")
    return .array(items)
  }

  private mutating func readNumber() throws(ChatTemplateError) -> TemplateValue {
    let start = position
    if current == UInt8(ascii: "-") { position += 1 }
    let wholeStart = position
    skipDigits()
    guard position > wholeStart, bytes[wholeStart] != 0x30 || position == wholeStart + 1 else {
      throw error("expected a value")
    }
    var isWhole = true
    if current == UInt8(ascii: ".") {
      isWhole = false
      position += 1
      let fractionStart = position
      skipDigits()
      guard position > fractionStart else { throw error("expected digits") }
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      isWhole = false
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      let exponentStart = position
      skipDigits()
      guard position > exponentStart else { throw error("expected digits") }
    }
    let text = String(bytes: bytes[start..<position])
    if isWhole, let value = Int(text) { return .int(value) }
    guard let value = Double(text) else { throw error("expected a number") }
    return .double(value)
  }

  private mutating func skipDigits() {
    while let byte = current, (0x30...0x39).contains(byte) { position += 1 }
  }

  private mutating func readString() throws(ChatTemplateError) -> String {
    position += 1
    var text: [UInt8] = []
    while let byte = current {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(bytes: text)
      case UInt8(ascii: "\\"): text.append(contentsOf: try readEscape().utf8)
      case 0..<0x20: throw error("a control character in a string")
      default: text.append(byte)
      }
    }
    throw error("the string does not end")
  }

  private mutating func readEscape() throws(ChatTemplateError) -> String {
    guard let letter = current else { throw error("the string does not end") }
    position += 1
    switch letter {
    case UInt8(ascii: "b"): return "\u{08}"
    case UInt8(ascii: "f"): return "\u{0C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return String(bytes: [letter])
    case UInt8(ascii: "u"): return try readUnicodeEscape()
    default: throw error("an unknown escape")
    }
  }

  private mutating func readUnicodeEscape() throws(ChatTemplateError) -> String {
    let first = try readHex()
    if let scalar = Unicode.Scalar(first) { return String(Character(scalar)) }
    // A high surrogate needs its low half; alone it is no character.
    if (0xD800..<0xDC00).contains(first), bytes[position...].starts(with: "\\u".utf8) {
      position += 2
      let second = try readHex()
      if (0xDC00..<0xE000).contains(second),
        let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
      {
        return String(Character(scalar))
      }
    }
    throw error("half of a surrogate pair")
  }

  private mutating func readHex() throws(ChatTemplateError) -> UInt32 {
    guard position + 4 <= bytes.count,
      bytes[position..<position + 4].allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
      let value = UInt32(String(bytes: bytes[position..<position + 4]), radix: 16)
    else { throw error("expected four hexadecimal digits") }
    position += 4
    return value
  }
}
