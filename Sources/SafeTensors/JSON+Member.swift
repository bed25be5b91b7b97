extension JSON {
  /// Some members of the object that a text holds; those that it does not have are left out.
  ///
  /// What else stands there is passed over without being taken apart, and what stands behind the last of them is not looked
  /// at: for large files of which little is wanted. Of two with one key the first counts. Keys must need no escapes.
  ///
  /// - Complexity: O(bytes up to the end of the last one).
  package static func members(_ keys: Set<String>, of bytes: [UInt8]) throws(JSONError) -> [String: JSON] {
    var scanner = MemberScanner(bytes: bytes)
    var found: [String: JSON] = [:]
    try scanner.forEach { name, range throws(JSONError) in
      let key = String(decoding: bytes[name], as: UTF8.self)
      guard keys.contains(key), found[key] == nil else { return true }
      found[key] = try parse(Array(bytes[range]))
      return found.count < keys.count
    }
    return found
  }
}

/// Finds where values begin and end.
private struct MemberScanner {
  let bytes: [UInt8]
  private var position = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Calls `body` with where each member's key and value are, until it says that it has seen enough.
  mutating func forEach(
    _ body: (_ key: Range<Int>, _ value: Range<Int>) throws(JSONError) -> Bool
  ) throws(JSONError) {
    try expect("{")
    if take("}") { return }
    while true {
      skipSpace()
      guard let name = string() else { throw JSONError(offset: position, reason: "expected a key") }
      try expect(":")
      skipSpace()
      let start = position
      guard skipValue() else { throw JSONError(offset: start, reason: "the text ends inside a value") }
      if try !body(name, start..<position) || take("}") { return }
      try expect(",")
    }
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(JSONError) {
    guard take(character) else { throw JSONError(offset: position, reason: "expected '\(character)'") }
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  /// What is between the quotes.
  private mutating func string() -> Range<Int>? {
    guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return nil }
    position += 1
    let start = position
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position += 1
        return start..<position - 1
      case UInt8(ascii: "\\"): position += 2
      default: position += 1
      }
    }
    return nil
  }

  private mutating func skipValue() -> Bool {
    var depth = 0
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        if string() == nil { return false }
        if depth == 0 { return true }
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return true }
        depth -= 1
        if depth == 0 {
          position += 1
          return true
        }
      case UInt8(ascii: ","): if depth == 0 { return true }
      default: break
      }
      position += 1
    }
    return false
  }
}
