// Filters that prepare text for HTML and for addresses.
extension Filters {
  @Sendable
  static func escape(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    .markup(try interpreter.escaped(value))
  }

  @Sendable
  static func safe(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    .markup(try interpreter.display(value))
  }

  @Sendable
  static func urlencode(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let pairs: [RuntimeValue]
    switch value {
    case .map(let map): pairs = MapView(kind: .items, map: map).elements
    case .list, .tuple, .view, .iterator, .range, .undefined: pairs = try interpreter.elements(of: value)
    default: return .string(try quoted(interpreter, value, forQuery: false))
    }
    var parts: [RuntimeValue] = []
    for pair in pairs {
      let items = try interpreter.elements(of: pair)
      guard items.count == 2 else { throw interpreter.invalid("'urlencode' needs pairs") }
      let key = try quoted(interpreter, items[0], forQuery: true)
      parts.append(.string(key + "=" + (try quoted(interpreter, items[1], forQuery: true))))
    }
    return .string(try interpreter.join(parts, "&", strict: true))
  }

  /// Percent encoding of all but unreserved characters (RFC 3986) and, outside a query, the slash.
  private static func quoted(
    _ interpreter: Interpreter, _ value: RuntimeValue, forQuery: Bool
  ) throws(ChatTemplateError) -> String {
    let text = try interpreter.display(value)
    try interpreter.chargeText(3 * text.utf8.count)
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "~"):
        bytes.append(byte)
      case UInt8(ascii: "/") where !forQuery: bytes.append(byte)
      case UInt8(ascii: " ") where forQuery: bytes.append(UInt8(ascii: "+"))
      default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(bytes: bytes)
  }

  @Sendable
  static func xmlattr(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try interpreter.requireDefined(value)
    guard case .map(let map) = value else { throw interpreter.invalid("'xmlattr' needs a mapping") }
    var parts: [RuntimeValue] = []
    for (key, value) in zip(map.keys, map.values) where !value.isNone && !value.isUndefined {
      let name = try interpreter.string(key, of: "xmlattr")
      guard
        !name.unicodeScalars.contains(where: {
          $0.isASCII && $0.isPythonSpace || "/>=".unicodeScalars.contains($0)
        })
      else { throw interpreter.invalid("an attribute's name cannot be '\(name)'") }
      parts.append(.string("\(try interpreter.escaped(key))=\"\(try interpreter.escaped(value))\""))
    }
    let text = try interpreter.join(parts, " ", strict: true)
    return .string((arguments[0]?.isTrue ?? true) && !text.isEmpty ? " " + text : text)
  }
}
