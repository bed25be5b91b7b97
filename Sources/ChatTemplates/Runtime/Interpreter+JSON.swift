/// How `tojson` writes, as the arguments of Python's `json.dumps`.
struct JSONStyle {
  var escapesNonASCII = false
  /// nil: on one line.
  var indent: String?
  var itemSeparator = ", "
  var keySeparator = ": "
  var sortsKeys = false
}

extension Interpreter {
  func json(_ value: RuntimeValue, style: JSONStyle) throws(ChatTemplateError) -> String {
    var bytes: [UInt8] = []
    try appendJSON(value, style, level: 0, to: &bytes)
    return String(bytes: bytes)
  }

  private func appendJSON(
    _ value: RuntimeValue, _ style: JSONStyle, level: Int, to bytes: inout [UInt8]
  ) throws(ChatTemplateError) {
    try charge()
    guard bytes.count <= limits.textBytes else { throw limit(.textBytes, limits.textBytes) }
    switch value {
    case .none: bytes += "null".utf8
    case .bool(let value): bytes += (value ? "true" : "false").utf8
    case .int(let value): bytes += String(value).utf8
    case .double(let value): bytes += jsonNumber(value).utf8
    case .string(let text), .markup(let text): try appendJSONString(text, style, to: &bytes)
    case .list(let list), .tuple(let list):
      try appendJSONItems(count: list.items.count, "[", "]", style, level, to: &bytes) {
        (index, bytes) throws(ChatTemplateError) in
        try appendJSON(list.items[index], style, level: level + 1, to: &bytes)
      }
    case .map(let map):
      var order = Array(0..<map.count)
      if style.sortsKeys {
        order = try sorted(order) { (a, b) throws(ChatTemplateError) in try isLess(map.keys[a], map.keys[b]) }
      }
      try appendJSONItems(count: map.count, "{", "}", style, level, to: &bytes) {
        (index, bytes) throws(ChatTemplateError) in
        try appendJSONString(try jsonKey(map.keys[order[index]]), style, to: &bytes)
        bytes += style.keySeparator.utf8
        try appendJSON(map.values[order[index]], style, level: level + 1, to: &bytes)
      }
    default:
      throw invalid("a \(value.typeName) cannot be written as JSON")
    }
  }

  private func appendJSONItems(
    count: Int, _ open: String, _ close: String, _ style: JSONStyle, _ level: Int, to bytes: inout [UInt8],
    item: (Int, inout [UInt8]) throws(ChatTemplateError) -> Void
  ) throws(ChatTemplateError) {
    bytes += open.utf8
    guard count > 0 else {
      bytes += close.utf8
      return
    }
    try descend()
    defer { ascend() }
    func breakLine(_ level: Int, _ bytes: inout [UInt8]) throws(ChatTemplateError) {
      guard let indent = style.indent else { return }
      try chargeText(indent.utf8.count * level)
      bytes.append(UInt8(ascii: "\n"))
      for _ in 0..<level { bytes += indent.utf8 }
    }
    for index in 0..<count {
      if index > 0 { bytes += style.itemSeparator.utf8 }
      try breakLine(level + 1, &bytes)
      try item(index, &bytes)
    }
    try breakLine(level, &bytes)
    bytes += close.utf8
  }

  private func jsonNumber(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    return value.pythonText
  }

  private func jsonKey(_ key: RuntimeValue) throws(ChatTemplateError) -> String {
    switch key {
    case .string(let text), .markup(let text): return text
    case .none: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .int(let value): return String(value)
    case .double(let value): return jsonNumber(value)
    default: throw invalid("a \(key.typeName) cannot be a key in JSON")
    }
  }

  private func appendJSONString(
    _ text: String, _ style: JSONStyle, to bytes: inout [UInt8]
  ) throws(ChatTemplateError) {
    try charge(text.utf8.count / 16)
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": bytes += "\\\"".utf8
      case "\\": bytes += "\\\\".utf8
      case "\n": bytes += "\\n".utf8
      case "\r": bytes += "\\r".utf8
      case "\t": bytes += "\\t".utf8
      case "\u{08}": bytes += "\\b".utf8
      case "\u{0C}": bytes += "\\f".utf8
      default:
        if scalar.value < 0x20 || style.escapesNonASCII && scalar.value > 0x7E {
          for unit in String(Character(scalar)).utf16 { bytes += Self.unicodeEscape(unit).utf8 }
        } else if let encoded = UTF8.encode(scalar) {
          bytes += encoded
        }
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func unicodeEscape(_ unit: UInt16) -> String {
    let digits = String(unit, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
