// Python's `str` and `repr`.
extension Interpreter {
  /// `str(value)`: how a value prints. Undefined prints as nothing.
  func display(_ value: RuntimeValue) throws(ChatTemplateError) -> String {
    switch value {
    case .undefined: return ""
    case .string(let text), .markup(let text): return text
    case .int(let value): return String(value)
    default:
      var text = ""
      try appendRepresentation(of: value, to: &text)
      return text
    }
  }

  func representation(of value: RuntimeValue) throws(ChatTemplateError) -> String {
    var text = ""
    try appendRepresentation(of: value, to: &text)
    return text
  }

  private func appendRepresentation(of value: RuntimeValue, to text: inout String) throws(ChatTemplateError) {
    try charge()
    guard text.utf8.count <= limits.textBytes else { throw limit(.textBytes, limits.textBytes) }
    switch value {
    case .undefined: text += "Undefined"
    case .none: text += "None"
    case .bool(let value): text += value ? "True" : "False"
    case .int(let value): text += String(value)
    case .double(let value): text += value.pythonText
    case .string(let string): try appendQuoted(string, to: &text)
    case .markup(let string):
      text += "Markup("
      try appendQuoted(string, to: &text)
      text += ")"
    case .list(let list): try appendItems(list.items, open: "[", close: "]", to: &text)
    case .tuple(let list):
      try appendItems(list.items, open: "(", close: list.items.count == 1 ? ",)" : ")", to: &text)
    case .map(let map): try appendMap(map, to: &text)
    case .view(let view):
      text += view.kind.rawValue + "("
      try appendItems(view.elements, open: "[", close: "]", to: &text)
      text += ")"
    case .range(let range):
      text += "range(\(range.start), \(range.stop)" + (range.step == 1 ? ")" : ", \(range.step))")
    case .namespace(let namespace):
      text += "<Namespace "
      try appendMap(namespace.attributes, to: &text)
      text += ">"
    case .loop(let loop): text += "<LoopContext \(loop.index + 1)/\(loop.items.count)>"
    case .macro(let macro): text += "<Macro '\(macro.definition.name)'>"
    case .iterator, .cycler, .joiner, .builtin, .method:
      // Python prints an address here, which no template can mean to show.
      throw unsupported("printing a \(value.typeName)")
    }
  }

  private func appendItems(
    _ items: [RuntimeValue], open: String, close: String, to text: inout String
  ) throws(ChatTemplateError) {
    try descend()
    defer { ascend() }
    text += open
    for (index, item) in items.enumerated() {
      if index > 0 { text += ", " }
      try appendRepresentation(of: item, to: &text)
    }
    text += close
  }

  private func appendMap(_ map: RuntimeMap, to text: inout String) throws(ChatTemplateError) {
    try descend()
    defer { ascend() }
    text += "{"
    for (index, key) in map.keys.enumerated() {
      if index > 0 { text += ", " }
      try appendRepresentation(of: key, to: &text)
      text += ": "
      try appendRepresentation(of: map.values[index], to: &text)
    }
    text += "}"
  }

  /// Python's quotes: single ones, unless only double ones need no escape.
  private func appendQuoted(_ string: String, to text: inout String) throws(ChatTemplateError) {
    try charge(string.utf8.count / 16)
    let quote: Unicode.Scalar = string.utf8.contains(0x27) && !string.utf8.contains(0x22) ? "\"" : "'"
    var view = text.unicodeScalars
    text = ""
    view.append(quote)
    for scalar in string.unicodeScalars {
      switch scalar {
      case quote, "\\":
        view.append("\\")
        view.append(scalar)
      case "\n": view.append(contentsOf: "\\n".unicodeScalars)
      case "\r": view.append(contentsOf: "\\r".unicodeScalars)
      case "\t": view.append(contentsOf: "\\t".unicodeScalars)
      default:
        if scalar.isPythonPrintable || scalar == " " {
          view.append(scalar)
        } else {
          view.append(contentsOf: Self.escape(scalar).unicodeScalars)
        }
      }
    }
    view.append(quote)
    text = String(view)
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let (mark, width) = scalar.value <= 0xFF ? ("x", 2) : (scalar.value <= 0xFFFF ? ("u", 4) : ("U", 8))
    let digits = String(scalar.value, radix: 16)
    return "\\" + mark + String(repeating: "0", count: width - digits.count) + digits
  }

  /// Text with the characters that matter in HTML escaped; safe text stays as it is.
  func escaped(_ value: RuntimeValue) throws(ChatTemplateError) -> String {
    if case .markup(let text) = value { return text }
    let text = try display(value)
    try chargeText(text.utf8.count)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "&"): bytes += "&amp;".utf8
      case UInt8(ascii: "<"): bytes += "&lt;".utf8
      case UInt8(ascii: ">"): bytes += "&gt;".utf8
      case UInt8(ascii: "'"): bytes += "&#39;".utf8
      case UInt8(ascii: "\""): bytes += "&#34;".utf8
      default: bytes.append(byte)
      }
    }
    return String(bytes: bytes)
  }
}
