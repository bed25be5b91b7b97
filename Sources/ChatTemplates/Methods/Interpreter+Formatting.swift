// `"…".format(…)` and `"…" % …`.
extension Interpreter {
  // MARK: str.format

  /// Fills the `{field!conversion:specification}` places of a text.
  func braceFormat(_ format: String, _ arguments: Arguments) throws(ChatTemplateError) -> String {
    var automatic = 0
    return try braceFormat(Array(format.unicodeScalars)[...], arguments, &automatic, levels: 2)
  }

  private func braceFormat(
    _ format: ArraySlice<Unicode.Scalar>, _ arguments: Arguments, _ automatic: inout Int, levels: Int
  ) throws(ChatTemplateError) -> String {
    var result = ""
    var rest = format
    while let scalar = rest.popFirst() {
      switch scalar {
      case "{" where rest.first == "{", "}" where rest.first == "}":
        rest.removeFirst()
        result.append(scalar: scalar)
      case "{":
        var depth = 1
        let field = rest.prefix { scalar in
          if scalar == "{" { depth += 1 }
          if scalar == "}" { depth -= 1 }
          return depth > 0
        }
        rest = rest.dropFirst(field.count)
        guard rest.popFirst() == "}" else { throw invalid("a '{' in the format is not closed") }
        guard levels > 0 else { throw invalid("the format is nested too deep") }
        let piece = try fill(field, arguments, &automatic, levels: levels - 1)
        try chargeText(result.utf8.count / 16 + piece.utf8.count)
        result += piece
      case "}":
        throw invalid("a '}' in the format stands alone")
      default:
        result.append(scalar: scalar)
      }
    }
    guard result.utf8.count <= limits.textBytes else { throw limit(.textBytes, limits.textBytes) }
    return result
  }

  private func fill(
    _ field: ArraySlice<Unicode.Scalar>, _ arguments: Arguments, _ automatic: inout Int, levels: Int
  ) throws(ChatTemplateError) -> String {
    let name = field.prefix { $0 != "!" && $0 != ":" }
    var rest = field.dropFirst(name.count)
    var value = try fieldValue(name, arguments, &automatic)
    if rest.first == "!" {
      rest.removeFirst()
      switch rest.popFirst() {
      case "s": value = .string(try display(value))
      case "r": value = .string(try representation(of: value))
      default: throw unsupported("this conversion in a format")
      }
      guard rest.isEmpty || rest.first == ":" else {
        throw invalid("expected ':' after the conversion in a format")
      }
    }
    let specification = try braceFormat(rest.dropFirst(), arguments, &automatic, levels: levels)
    return try formatted(value, specification)
  }

  /// `0`, `name`, or nothing (the next positional argument), then any `.attribute` and `[item]`.
  private func fieldValue(
    _ name: ArraySlice<Unicode.Scalar>, _ arguments: Arguments, _ automatic: inout Int
  ) throws(ChatTemplateError) -> RuntimeValue {
    let first = name.prefix { $0 != "." && $0 != "[" }
    var rest = name.dropFirst(first.count)
    var value: RuntimeValue
    if first.allSatisfy(\.isASCIIDigit) {
      // Negative: numbered by hand.
      guard first.isEmpty ? automatic >= 0 : automatic <= 0 else {
        throw invalid("a format numbers its fields all or none")
      }
      let index = first.isEmpty ? automatic : Int(String(scalars: first)) ?? .max
      automatic = first.isEmpty ? automatic + 1 : -1
      guard index < arguments.positional.count else { throw invalid("the format needs more arguments") }
      value = arguments.positional[index]
    } else {
      let key = String(scalars: first)
      guard let found = arguments.named.first(where: { $0.name == key }) else {
        throw invalid("the format needs the argument '\(key)'")
      }
      value = found.value
    }
    while let mark = rest.popFirst() {
      if mark == "." {
        let part = rest.prefix { $0 != "." && $0 != "[" }
        rest = rest.dropFirst(part.count)
        value = try attribute(String(scalars: part), of: value)
      } else {
        let part = rest.prefix { $0 != "]" }
        rest = rest.dropFirst(part.count)
        guard mark == "[", rest.popFirst() == "]", !part.isEmpty else {
          throw invalid("an item in the format is not closed")
        }
        let key = String(scalars: part)
        let index = part.allSatisfy(\.isASCIIDigit) ? Int(key) : nil
        value = try item(index.map { .int($0) } ?? .string(key), of: value)
      }
    }
    return value
  }

  private func formatted(_ value: RuntimeValue, _ specification: String) throws(ChatTemplateError) -> String {
    if specification.isEmpty { return try display(value) }
    guard let format = FormatSpecification(specification) else {
      throw invalid("'\(specification)' is no format specification")
    }
    try charge(2000)
    var text: String?
    switch value {
    case .int, .bool: text = format.applied(to: value.integer ?? 0)
    case .double(let number): text = format.applied(to: number)
    case .string(let string), .markup(let string):
      let isForText =
        (format.type == nil || format.type == "s") && format.alignment != .afterSign
        && format.grouping == nil && format.sign == "-" && !format.isAlternate
      if isForText || format.fill == "0" && format.type == nil { text = format.applied(to: string) }
    default: break
    }
    guard let text else { throw invalid("a \(value.typeName) has no format '\(specification)'") }
    return text
  }

  // MARK: The % operator

  /// Fills the `%` places of a text from a tuple, a mapping, or a single value.
  func percentFormat(_ format: String, _ values: RuntimeValue) throws(ChatTemplateError) -> String {
    var source = PercentSource(values)
    var result = ""
    var rest = Array(format.unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        result.append(scalar: scalar)
        continue
      }
      let piece = try percentField(&rest, &source)
      try chargeText(result.utf8.count / 16 + piece.utf8.count)
      result += piece
    }
    guard source.isUsedUp else { throw invalid("the format does not use all its arguments") }
    try chargeText(result.utf8.count)
    return result
  }

  private struct PercentSource {
    var items: [RuntimeValue]
    var next = 0
    var mapping: RuntimeValue?

    init(_ values: RuntimeValue) {
      if case .tuple(let list) = values {
        items = list.items
      } else {
        items = [values]
        switch values {
        case .map, .list, .range, .undefined: mapping = values
        default: break
        }
      }
    }

    var isUsedUp: Bool { mapping != nil || next >= items.count }
  }

  private func percentField(
    _ rest: inout ArraySlice<Unicode.Scalar>, _ source: inout PercentSource
  ) throws(ChatTemplateError) -> String {
    try charge(50)
    func take() throws(ChatTemplateError) -> RuntimeValue {
      guard source.next < source.items.count else { throw invalid("the format needs more arguments") }
      source.next += 1
      return source.items[source.next - 1]
    }
    var format = FormatSpecification()
    var named: RuntimeValue?
    if rest.first == "(" {
      rest.removeFirst()
      let key = String(scalars: rest.prefix { $0 != ")" })
      rest = rest.drop { $0 != ")" }.dropFirst()
      guard let mapping = source.mapping, case .map(let map) = mapping, let value = map.value(ofText: key)
      else {
        throw invalid("the format needs a mapping with the key '\(key)'")
      }
      named = value
    }
    var padsWithZeros = false
    var alignsLeft = false
    while let flag = rest.first, "#0- +".unicodeScalars.contains(flag) {
      switch flag {
      case "#": format.isAlternate = true
      case "0": padsWithZeros = true
      case "-": alignsLeft = true
      case "+": format.sign = "+"
      default: if format.sign != "+" { format.sign = " " }
      }
      rest.removeFirst()
    }
    func count() throws(ChatTemplateError) -> Int? {
      if rest.first == "*" {
        rest.removeFirst()
        let value = try integer(try take(), of: "%")
        guard value.magnitude <= FormatSpecification.maximum else { throw invalid("the format is too wide") }
        return value
      }
      let digits = rest.prefix(while: \.isASCIIDigit)
      rest = rest.dropFirst(digits.count)
      guard !digits.isEmpty else { return nil }
      guard let value = Int(String(scalars: digits)), value <= FormatSpecification.maximum else {
        throw invalid("the format is too wide")
      }
      return value
    }
    let width = try count() ?? 0
    if width < 0 { alignsLeft = true }
    format.width = abs(width)
    if rest.first == "." {
      rest.removeFirst()
      format.precision = max(0, try count() ?? 0)
    }
    while let first = rest.first, "hlL".unicodeScalars.contains(first) { rest.removeFirst() }
    guard let type = rest.popFirst() else { throw invalid("the format ends within a field") }
    if type == "%" { return "%" }
    let value: RuntimeValue
    if let named { value = named } else { value = try take() }
    format.alignment = alignsLeft ? .left : .right
    return try percentValue(value, type, &format, padsWithZeros: padsWithZeros && !alignsLeft)
  }

  private func percentValue(
    _ value: RuntimeValue, _ type: Unicode.Scalar, _ format: inout FormatSpecification, padsWithZeros: Bool
  ) throws(ChatTemplateError) -> String {
    switch type {
    case "s": return format.applied(to: try display(value))
    case "r": return format.applied(to: try representation(of: value))
    case "c":
      if let text = value.text, text.unicodeScalars.count == 1 { return format.applied(to: text) }
      guard let code = value.integer, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
        throw invalid("'%c' needs a character")
      }
      return format.applied(to: String(Character(scalar)))
    default: break
    }
    try requireDefined(value)
    if padsWithZeros { (format.fill, format.alignment) = ("0", .afterSign) }
    try charge(2000)
    var text: String?
    switch type {
    case "d", "i", "u":
      format.type = "d"
      text = try percentInteger(value, &format, truncates: true)
    case "x", "X", "o":
      format.type = type
      text = try percentInteger(value, &format, truncates: false)
    case "e", "E", "f", "F", "g", "G":
      format.type = type
      text = value.number.flatMap { format.applied(to: $0) }
    default: throw unsupported("the format '%\(type)'")
    }
    guard let text else { throw invalid("'%\(type)' needs a number, not a \(value.typeName)") }
    return text
  }

  private func percentInteger(
    _ value: RuntimeValue, _ format: inout FormatSpecification, truncates: Bool
  ) throws(ChatTemplateError) -> String? {
    var integer = value.integer
    if integer == nil, truncates, case .double(let number) = value {
      guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw overflow("'%d'") }
      integer = whole
    }
    guard let integer else { return nil }
    guard let digits = format.precision else { return format.applied(to: integer) }
    // A precision is the least number of digits.
    guard !format.isAlternate else { throw unsupported("'#' with a precision in a format") }
    format.precision = nil
    var inner = FormatSpecification()
    inner.type = format.type
    inner.sign = format.sign
    (inner.fill, inner.alignment) = ("0", .afterSign)
    inner.width = digits + (integer < 0 || format.sign != "-" ? 1 : 0)
    let text = inner.applied(to: integer) ?? ""
    guard format.alignment == .afterSign else { return format.applied(to: text) }
    let hasSign = integer < 0 || format.sign != "-"
    let missing = max(0, format.width - text.utf8.count)
    return (hasSign ? text.prefix(1) : "") + String(repeating: "0", count: missing)
      + text.dropFirst(hasSign ? 1 : 0)
  }
}
