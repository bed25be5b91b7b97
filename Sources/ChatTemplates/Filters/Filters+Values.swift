// Filters on any value, and on numbers.
extension Filters {
  @Sendable
  static func defaultValue(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let replacesFalse = arguments[1]?.isTrue ?? false
    return value.isUndefined || replacesFalse && !value.isTrue ? arguments[0] ?? .string("") : value
  }

  /// The attribute only, never the item of that name.
  @Sendable
  static func attr(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let name = try interpreter.string(arguments[0] ?? .none, of: "attr")
    if case .map(let map) = value, map.value(ofText: name) != nil,
      MethodTable.map.allowed.union(MethodTable.map.forbidden).contains(name) == false
    {
      return .undefined(.attribute(name, type: value.typeName))
    }
    return try interpreter.attribute(name, of: value)
  }

  /// As transformers defines it: `json.dumps` with `ensure_ascii` off, and no escaping for HTML.
  @Sendable
  static func tojson(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    var style = JSONStyle()
    style.escapesNonASCII = arguments[0]?.isTrue ?? false
    if let indent = arguments[1], !indent.isNone {
      let width = indent.integer ?? 0
      guard indent.text != nil || indent.integer != nil else {
        throw interpreter.invalid("'indent' needs an integer")
      }
      try interpreter.chargeText(width)
      style.indent = indent.text ?? String(repeating: " ", count: Swift.max(0, width))
      style.itemSeparator = ","
    }
    if let separators = arguments[2], !separators.isNone {
      let parts = try interpreter.elements(of: separators)
      guard parts.count == 2, let item = parts[0].text, let key = parts[1].text else {
        throw interpreter.invalid("'separators' needs two strings")
      }
      (style.itemSeparator, style.keySeparator) = (item, key)
    }
    style.sortsKeys = arguments[3]?.isTrue ?? false
    return .string(try interpreter.json(value, style: style))
  }

  // MARK: Numbers

  @Sendable
  static func abs(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try interpreter.requireDefined(value)
    if let integer = value.integer {
      guard integer != .min else { throw interpreter.overflow("'abs'") }
      return .int(Swift.abs(integer))
    }
    guard case .double(let number) = value else { throw interpreter.invalid("'abs' needs a number") }
    return .double(number.magnitude)
  }

  @Sendable
  static func float(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try interpreter.requireDefined(value)
    if let number = value.number { return .double(number) }
    if let text = value.text {
      try interpreter.charge(text.utf8.count / 16)
      if let number = pythonFloat(text) { return .double(number) }
    }
    return arguments[0] ?? .double(0)
  }

  @Sendable
  static func int(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try interpreter.requireDefined(value)
    let fallback = arguments[0] ?? .int(0)
    if let integer = value.integer { return .int(integer) }
    var number: Double?
    if let text = value.text {
      try interpreter.charge(text.utf8.count / 16)
      let base = try interpreter.integer(arguments[1] ?? .int(10), of: "int")
      switch pythonInteger(text, base: base) {
      case .value(let integer): return .int(integer)
      case .tooLarge: throw interpreter.overflow("'int'")
      case .notAnInteger: number = pythonFloat(text)
      }
    } else if case .double(let double) = value {
      number = double
    }
    guard let number, !number.isNaN else { return fallback }
    guard number.isFinite else {
      // Python lets the error through for a number, and falls back for a string.
      if value.text == nil { throw interpreter.overflow("'int'") }
      return fallback
    }
    guard let integer = Int(exactly: number.rounded(.towardZero)) else { throw interpreter.overflow("'int'") }
    return .int(integer)
  }

  @Sendable
  static func round(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try interpreter.requireDefined(value)
    let precision = try interpreter.integer(arguments[0] ?? .int(0), of: "round")
    let method = arguments[1]?.text ?? "common"
    guard ["common", "ceil", "floor"].contains(method), arguments[1]?.text != nil || arguments[1] == nil
    else {
      throw interpreter.invalid("'round' rounds 'common', 'ceil' or 'floor'")
    }
    guard (-22...300).contains(precision) else {
      throw interpreter.unsupported("rounding to \(precision) places")
    }
    guard let number = value.number else { throw interpreter.invalid("'round' needs a number") }
    guard method != "common" else {
      if let integer = value.integer {
        return try roundInteger(interpreter, integer, precision)
      }
      guard number.isFinite else { return .double(number) }
      if precision < 0 {
        let scale = realPower(10, Double(-precision))
        return .double((number / scale).rounded(.toNearestOrEven) * scale)
      }
      try interpreter.charge(1000)
      let magnitude = Double(number.fixedDigits(places: precision)) ?? number.magnitude
      return .double(Double(signOf: number, magnitudeOf: magnitude))
    }
    let scale = realPower(10, Double(precision))
    let scaled = number * scale
    guard scaled.isFinite else { throw interpreter.invalid("'round' needs a finite number") }
    let whole = scaled.rounded(method == "ceil" ? .up : .down)
    // `ceil` and `floor` give an integer, which has no negative zero.
    return .double((whole == 0 ? 0 : whole) / scale)
  }

  /// `round(int, n)` stays an integer; a negative `n` rounds to tens, half to even.
  private static func roundInteger(
    _ interpreter: Interpreter, _ value: Int, _ precision: Int
  ) throws(ChatTemplateError) -> RuntimeValue {
    guard precision < 0 else { return .int(value) }
    guard precision >= -18 else { return .int(0) }
    var unit = 1
    for _ in 0..<(-precision) { unit *= 10 }
    let quotient = value / unit
    let remainder = value % unit
    let twice = remainder.magnitude.multipliedReportingOverflow(by: 2).partialValue
    let awayFromZero = twice > unit || twice == unit && !quotient.isMultiple(of: 2)
    let (result, overflow) = (quotient + (awayFromZero ? value.signum() : 0)).multipliedReportingOverflow(
      by: unit)
    guard !overflow else { throw interpreter.overflow("'round'") }
    return .int(result)
  }

  // MARK: Reading numbers

  enum IntegerReading { case value(Int), tooLarge, notAnInteger }

  /// `int(text, base)`: surrounding space, a sign, single underscores between digits.
  static func pythonInteger(_ text: String, base: Int) -> IntegerReading {
    guard base == 0 || (2...36).contains(base) else { return .notAnInteger }
    var digits = text.stripped()[...]
    var sign = ""
    if let first = digits.utf8.first, first == UInt8(ascii: "+") || first == UInt8(ascii: "-") {
      sign = first == UInt8(ascii: "-") ? "-" : ""
      digits = digits.dropFirst()
    }
    var radix = base
    for (prefix, value) in [("0x", 16), ("0o", 8), ("0b", 2)]
    where (base == value || base == 0) && digits.lowercased().hasPrefix(prefix) {
      radix = value
      digits = digits.dropFirst(2)
      if digits.first == "_" { digits = digits.dropFirst() }
    }
    if radix == 0 {
      radix = 10
      if digits.first == "0", digits.contains(where: { $0 != "0" && $0 != "_" }) { return .notAnInteger }
    }
    guard let plain = withoutUnderscores(digits), !plain.isEmpty,
      plain.utf8.allSatisfy({
        Character(Unicode.Scalar($0)).hexDigitOrLetterValue.map { $0 < radix } ?? false
      })
    else { return .notAnInteger }
    return Int(sign + plain, radix: radix).map { .value($0) } ?? .tooLarge
  }

  static func pythonFloat(_ text: String) -> Double? {
    let stripped = text.stripped()
    guard let plain = withoutUnderscores(stripped[...]) else { return nil }
    let unsigned = (plain.first == "+" || plain.first == "-" ? String(plain.dropFirst()) : plain).lowercased()
    switch unsigned {
    case "inf", "infinity": return plain.first == "-" ? -.infinity : .infinity
    case "nan": return .nan
    default:
      let allowed = unsigned.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || ".e+-".utf8.contains(byte)
      }
      guard allowed, unsigned.utf8.contains(where: { (0x30...0x39).contains($0) }) else { return nil }
      return Double(plain)
    }
  }

  /// The digits without their separators; nil when an underscore is not between two digits.
  private static func withoutUnderscores(_ text: Substring) -> String? {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    for (index, byte) in bytes.enumerated() {
      guard byte == UInt8(ascii: "_") else {
        result.append(byte)
        continue
      }
      func isDigit(_ place: Int) -> Bool {
        bytes.indices.contains(place) && bytes[place] != UInt8(ascii: "_")
          && Unicode.Scalar(bytes[place]).properties.isAlphabetic
          || bytes.indices.contains(place) && (0x30...0x39).contains(bytes[place])
      }
      guard isDigit(index - 1), isDigit(index + 1) else { return nil }
    }
    return String(bytes: result)
  }
}

extension Character {
  /// 0–9, a–z as the digits of bases up to 36.
  fileprivate var hexDigitOrLetterValue: Int? {
    guard let byte = asciiValue else { return nil }
    switch byte {
    case 0x30...0x39: return Int(byte) - 0x30
    case 0x41...0x5A: return Int(byte) - 0x41 + 10
    case 0x61...0x7A: return Int(byte) - 0x61 + 10
    default: return nil
    }
  }
}
