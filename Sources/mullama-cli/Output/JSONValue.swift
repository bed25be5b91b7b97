/// A JSON value whose members keep their order, so that output can be read by eye and compared by line.
package indirect enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  /// Seeds take all 64 bits.
  case unsigned(UInt64)
  /// JSON has no infinities and no NaN: they become null.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  package struct Member: Equatable, Sendable {
    package let key: String
    package let value: JSONValue
  }

  /// A float as its shortest decimal form, not as the double nearest to it.
  package static func number(_ value: Float) -> JSONValue { .number(Double("\(value)") ?? .nan) }

  /// A duration, to the microsecond.
  package static func seconds(_ value: Double) -> JSONValue { .number((value * 1e6).rounded() / 1e6) }

  /// A rate, to the thousandth.
  package static func rate(_ value: Double) -> JSONValue { .number((value * 1e3).rounded() / 1e3) }

  /// A part of 1, to the hundredth of a per cent.
  package static func part(_ value: Double) -> JSONValue { .number((value * 1e4).rounded() / 1e4) }

  package static func optional<T>(_ value: T?, _ make: (T) -> JSONValue) -> JSONValue {
    value.map(make) ?? .null
  }

  /// The value on one line.
  package var text: String {
    var output = ""
    write(to: &output)
    return output
  }

  private func write(to output: inout String) {
    switch self {
    case .null: output += "null"
    case .bool(let flag): output += flag ? "true" : "false"
    case .integer(let number): output += "\(number)"
    case .unsigned(let number): output += "\(number)"
    case .number(let number): output += number.isFinite ? "\(number)" : "null"
    case .string(let text): Self.write(text, to: &output)
    case .array(let elements):
      output += "["
      for (i, element) in elements.enumerated() {
        if i > 0 { output += "," }
        element.write(to: &output)
      }
      output += "]"
    case .object(let members):
      output += "{"
      for (i, member) in members.enumerated() {
        if i > 0 { output += "," }
        Self.write(member.key, to: &output)
        output += ":"
        member.value.write(to: &output)
      }
      output += "}"
    }
  }

  private static func write(_ text: String, to output: inout String) {
    output += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}":
        let digits = String(scalar.value, radix: 16)
        output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: output.unicodeScalars.append(scalar)
      }
    }
    output += "\""
  }
}

extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member(key: $0.0, value: $0.1) })
  }
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int) { self = .integer(value) }
  package init(floatLiteral value: Double) { self = .number(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
}
