/// Reads JSON (RFC 8259) strictly, in one pass: UTF-8 only, no key twice, nothing behind the value but white space.
///
/// Nesting and the number of values are bounded, so a text of n bytes costs O(n) time and a bounded multiple of memory.
struct JSONParser {
  private let bytes: [UInt8]
  private let valueLimit: Int
  private var position = 0
  private var values = 0

  private static let depthLimit = 32
  /// Bytes of a key: names of tensors, modules and settings, and patterns of at most 4096 characters.
  private static let keyLimit = 16_384

  private init(_ bytes: [UInt8], valueLimit: Int) {
    self.bytes = bytes
    self.valueLimit = valueLimit
  }

  static func parse(_ bytes: [UInt8], valueLimit: Int) throws(JSONError) -> JSON {
    var parser = JSONParser(bytes, valueLimit: valueLimit)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.position == bytes.count else { throw parser.error("there is more behind the value") }
    return value
  }

  private func error(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(JSONError) {
    guard next == UInt8(ascii: character) else { throw error("expected '\(character)'") }
    position += 1
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSON {
    skipSpace()
    values += 1
    guard values <= valueLimit else { throw error("more than \(valueLimit) values") }
    guard depth <= Self.depthLimit else { throw error("nested deeper than \(Self.depthLimit) levels") }
    guard let byte = next else { throw error("the text ends where a value is expected") }
    switch byte {
    case UInt8(ascii: "{"): return try object(depth)
    case UInt8(ascii: "["): return try array(depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return .number(try number())
    }
  }

  private mutating func word(_ word: String, _ value: JSON) throws(JSONError) -> JSON {
    guard bytes[position...].starts(with: word.utf8) else { throw error("expected a value") }
    position += word.utf8.count
    return value
  }

  private mutating func object(_ depth: Int) throws(JSONError) -> JSON {
    position += 1
    var keys: [String] = []
    var found: [JSON] = []
    var seen: Set<String> = []
    skipSpace()
    if next == UInt8(ascii: "}") {
      position += 1
      return .object([], [])
    }
    while true {
      skipSpace()
      let start = position
      let key = try string()
      guard key.utf8.count <= Self.keyLimit else {
        throw JSONError(
          offset: start, reason: "a key of \(key.utf8.count) bytes; at most \(Self.keyLimit) are allowed")
      }
      guard seen.insert(key).inserted else {
        throw JSONError(offset: start, reason: "the key '\(key)' appears twice")
      }
      skipSpace()
      try expect(":")
      keys.append(key)
      found.append(try value(depth: depth + 1))
      skipSpace()
      if next != UInt8(ascii: ",") { break }
      position += 1
    }
    try expect("}")
    return .object(keys, found)
  }

  private mutating func array(_ depth: Int) throws(JSONError) -> JSON {
    position += 1
    var found: [JSON] = []
    skipSpace()
    if next == UInt8(ascii: "]") {
      position += 1
      return .array([])
    }
    while true {
      found.append(try value(depth: depth + 1))
      skipSpace()
      if next != UInt8(ascii: ",") { break }
      position += 1
    }
    try expect("]")
    return .array(found)
  }

  private mutating func digits() throws(JSONError) {
    let start = position
    while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
    guard position > start else { throw error("expected a digit") }
  }

  private mutating func number() throws(JSONError) -> String {
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    guard let first = next, (0x30...0x39).contains(first) else { throw error("expected a value") }
    try digits()
    if first == 0x30, position - start > (bytes[start] == UInt8(ascii: "-") ? 2 : 1) {
      throw error("a number must not begin with 0")
    }
    if next == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func string() throws(JSONError) -> String {
    try expect("\"")
    var text: [UInt8] = []
    while true {
      guard let byte = next else { throw error("the text ends inside a string") }
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let valid = String(validating: text, as: UTF8.self) else {
          throw error("a string is not valid UTF-8")
        }
        return valid
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20: throw error("a control character inside a string")
      default: text.append(byte)
      }
    }
  }

  private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
    guard let byte = next else { throw error("the text ends inside a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      var code = try unit()
      if (0xD800..<0xDC00).contains(code) {
        try expect("\\")
        try expect("u")
        let low = try unit()
        guard (0xDC00..<0xE000).contains(low) else { throw error("half of a surrogate pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw error("half of a surrogate pair") }
      text.append(contentsOf: String(Character(scalar)).utf8)
    default: throw error("an unknown escape")
    }
  }

  /// Four hexadecimal digits.
  private mutating func unit() throws(JSONError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw error("the text ends inside a string") }
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
        throw error("expected a hexadecimal digit")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}

extension JSON {
  /// - Parameter valueLimit: values the text may have, nested ones included.
  package static func parse(_ bytes: [UInt8], valueLimit: Int = 1 << 20) throws(JSONError) -> JSON {
    try JSONParser.parse(bytes, valueLimit: valueLimit)
  }
}
