/// Python's format specification: `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
///
/// Both `str.format` and the `%` operator fill one in.
struct FormatSpecification {
  enum Alignment { case left, right, center, afterSign }

  var fill: Unicode.Scalar = " "
  var alignment: Alignment?
  /// `-` (negative numbers only), `+` or a space.
  var sign: Unicode.Scalar = "-"
  var isAlternate = false
  var width = 0
  var grouping: Unicode.Scalar?
  var precision: Int?
  var type: Unicode.Scalar?

  /// Wider or preciser than this is no format but an attack.
  static let maximum = 1 << 16

  init() {}

  /// nil when the text is no specification.
  init?(_ text: String) {
    var rest = Array(text.unicodeScalars)[...]
    func alignment(_ scalar: Unicode.Scalar?) -> Alignment? {
      switch scalar {
      case "<": .left
      case ">": .right
      case "^": .center
      case "=": .afterSign
      default: nil
      }
    }
    if let found = alignment(rest.dropFirst().first) {
      fill = rest.removeFirst()
      self.alignment = found
      rest.removeFirst()
    } else if let found = alignment(rest.first) {
      self.alignment = found
      rest.removeFirst()
    }
    if let first = rest.first, first == "+" || first == "-" || first == " " { sign = rest.removeFirst() }
    if rest.first == "#" {
      isAlternate = true
      rest.removeFirst()
    }
    if rest.first == "0" {
      rest.removeFirst()
      if self.alignment == nil { (fill, self.alignment) = ("0", .afterSign) }
    }
    guard let width = Self.number(&rest) else { return nil }
    self.width = width ?? 0
    if let first = rest.first, first == "," || first == "_" { grouping = rest.removeFirst() }
    if rest.first == "." {
      rest.removeFirst()
      guard let precision = Self.number(&rest), let precision else { return nil }
      self.precision = precision
    }
    type = rest.popFirst()
    guard rest.isEmpty else { return nil }
  }

  /// Digits from the front: `.some(nil)` when there are none, nil when the number is too large.
  private static func number(_ rest: inout ArraySlice<Unicode.Scalar>) -> Int?? {
    var value: Int?
    while let first = rest.first, first.isASCIIDigit {
      value = (value ?? 0) * 10 + Int(first.value - 48)
      guard value ?? 0 <= maximum else { return nil }
      rest.removeFirst()
    }
    return .some(value)
  }

  // MARK: Applying

  func applied(to text: String) -> String {
    let kept = precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
    return padded(sign: "", digits: kept, alignment: alignment ?? .left)
  }

  /// nil for a type that does not format integers.
  func applied(to value: Int) -> String? {
    let radix: Int
    var prefix = ""
    switch type {
    case nil, "d", "n": radix = 10
    case "x", "X": (radix, prefix) = (16, type == "x" ? "0x" : "0X")
    case "o": (radix, prefix) = (8, "0o")
    case "b": (radix, prefix) = (2, "0b")
    case "c":
      guard let scalar = UInt32(exactly: value).flatMap(Unicode.Scalar.init) else { return nil }
      return padded(sign: "", digits: String(Character(scalar)), alignment: alignment ?? .left)
    default: return applied(to: Double(value))
    }
    guard type == nil || precision == nil, precision == nil else { return nil }
    let digits = String(value.magnitude, radix: radix, uppercase: type == "X")
    let mark = signText(isNegative: value < 0) + (isAlternate ? prefix : "")
    return padded(
      sign: mark, digits: grouped(digits, every: radix == 10 ? 3 : 4), alignment: alignment ?? .right)
  }

  /// nil for a type that does not format floats.
  func applied(to value: Double) -> String? {
    let isUpper = type == "F" || type == "E" || type == "G"
    var digits: String
    if !value.isFinite {
      digits = value.isNaN ? "nan" : "inf"
      if type == "%" { digits += "%" }
    } else {
      switch type {
      case "f", "F": digits = fixed(value, precision ?? 6)
      case "%": digits = fixed(value * 100, precision ?? 6) + "%"
      case "e", "E": digits = exponential(value, precision ?? 6)
      case "g", "G", "n": digits = general(value, precision ?? 6)
      case nil:
        digits = precision.map { general(value, $0, keepsPoint: true) } ?? value.magnitude.pythonText
      default: return nil
      }
    }
    if isUpper { digits = digits.uppercased() }
    return padded(
      sign: signText(isNegative: value.sign == .minus && !value.isNaN), digits: grouped(digits, every: 3),
      alignment: alignment ?? .right)
  }

  private func signText(isNegative: Bool) -> String {
    isNegative ? "-" : (sign == "-" ? "" : String(Character(sign)))
  }

  private func fixed(_ value: Double, _ places: Int) -> String {
    value.fixedDigits(places: places) + (places == 0 && isAlternate ? "." : "")
  }

  private func exponential(_ value: Double, _ places: Int) -> String {
    let (digits, exponent) = value.significantDigits(places + 1)
    return Self.scientific(digits, exponent, keepsPoint: isAlternate)
  }

  private static func scientific(_ digits: String, _ exponent: Int, keepsPoint: Bool) -> String {
    let tail = digits.dropFirst()
    let magnitude = String(abs(exponent))
    return digits.prefix(1) + (tail.isEmpty && !keepsPoint ? "" : "." + tail) + "e"
      + (exponent < 0 ? "-" : "+")
      + (magnitude.count < 2 ? "0" : "") + magnitude
  }

  /// C's `%g`; with `keepsPoint` a whole number keeps `.0`, as Python's untyped format does.
  private func general(_ value: Double, _ precision: Int, keepsPoint: Bool = false) -> String {
    let count = max(1, precision)
    var (digits, exponent) = value.significantDigits(count)
    if !isAlternate { while digits.count > 1, digits.last == "0" { digits.removeLast() } }
    // The untyped format switches one digit earlier, to leave room for `.0`.
    if exponent < -4 || exponent >= (keepsPoint ? count - 1 : count) {
      if !keepsPoint || exponent < -4 || exponent >= count || digits.count <= exponent + 1 {
        return Self.scientific(digits, exponent, keepsPoint: isAlternate)
      }
    }
    if exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + digits }
    if digits.count <= exponent + 1 {
      let whole = digits + String(repeating: "0", count: exponent + 1 - digits.count)
      return whole + (keepsPoint ? ".0" : (isAlternate ? "." : ""))
    }
    return digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
  }

  private func grouped(_ digits: String, every size: Int) -> String {
    guard let grouping else { return digits }
    let whole = digits.prefix { $0.isHexDigit }
    var result = ""
    for (index, digit) in whole.enumerated() {
      if index > 0, (whole.count - index).isMultiple(of: size) { result += String(Character(grouping)) }
      result.append(digit)
    }
    return result + digits.dropFirst(whole.count)
  }

  private func padded(sign: String, digits: String, alignment: Alignment) -> String {
    let missing = max(0, width - sign.unicodeScalars.count - digits.unicodeScalars.count)
    func filler(_ count: Int) -> String { String(repeating: String(Character(fill)), count: count) }
    switch alignment {
    case .left: return sign + digits + filler(missing)
    case .right: return filler(missing) + sign + digits
    case .afterSign: return sign + filler(missing) + digits
    case .center: return filler(missing / 2) + sign + digits + filler(missing - missing / 2)
    }
  }
}
