/// A JSON value whose objects keep their order and have no key twice.
///
/// Headers and configurations of adapters are small and come from strangers: what is doubtful in them is an error.
package indirect enum JSON: Equatable, Sendable {
  /// An object's members in the order of the text.
  package typealias Member = (key: String, value: JSON)

  case null
  case bool(Bool)
  /// As the text writes it.
  case number(String)
  case string(String)
  case array([JSON])
  case object([String], [JSON])

  package var members: [Member]? {
    guard case .object(let keys, let values) = self else { return nil }
    return zip(keys, values).map { ($0, $1) }
  }

  /// The value of an object's key; nil if this is no object or has no such key. Complexity: O(keys).
  package subscript(key: String) -> JSON? {
    guard case .object(let keys, let values) = self else { return nil }
    return keys.firstIndex(of: key).map { values[$0] }
  }

  package var string: String? { if case .string(let text) = self { text } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var array: [JSON]? { if case .array(let values) = self { values } else { nil } }
  /// A whole number; nil also for `1.0`, `1e3` and what does not fit.
  package var int: Int? { if case .number(let text) = self { Int(text) } else { nil } }
  /// Any number, whole ones included.
  package var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }

  /// The value as JSON text on one line, cut after `limit` characters: for error messages.
  package func excerpt(_ limit: Int = 60) -> String {
    var text = ""
    write(to: &text, limit: limit)
    return text.count > limit ? text.prefix(limit - 1) + "…" : text
  }

  private func write(to text: inout String, limit: Int) {
    if text.count > limit { return }
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .number(let digits): text += digits
    case .string(let value): text += Self.quoted(value.unicodeScalars.prefix(limit))
    case .array(let values):
      text += "["
      for (index, value) in values.enumerated() where text.count <= limit {
        if index > 0 { text += ", " }
        value.write(to: &text, limit: limit)
      }
      text += "]"
    case .object(let keys, let values):
      text += "{"
      for (index, key) in keys.enumerated() where text.count <= limit {
        text += "\(index > 0 ? ", " : "")\(Self.quoted(key.unicodeScalars.prefix(limit))): "
        values[index].write(to: &text, limit: limit)
      }
      text += "}"
    }
  }
}

extension JSON {
  /// A text as a JSON string.
  ///
  /// Scalars and not characters: one character may have megabytes of accents.
  private static func quoted(_ text: Substring.UnicodeScalarView) -> String {
    var result = "\""
    for scalar in text {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// Where a text is not the JSON that was expected, and why.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Bytes from the beginning of the text.
  public let offset: Int
  public let reason: String

  package init(offset: Int, reason: String) {
    self.offset = offset
    self.reason = reason
  }

  public var description: String { "byte \(offset): \(reason)" }
}
