/// Numbers and texts as people read them.
package enum Wording {
  /// A number with `digits` decimals: `12.30`.
  package static func fixed(_ value: Double, _ digits: Int) -> String {
    precondition((0...9).contains(digits))
    var unit = 1.0
    for _ in 0..<digits { unit *= 10 }
    let scaled = (abs(value) * unit).rounded()
    guard value.isFinite, scaled < 1e18 else { return "\(value)" }
    let whole = Int(scaled), sign = value < 0 && whole > 0 ? "-" : ""
    if digits == 0 { return sign + "\(whole)" }
    let text = String(whole)
    let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
    return sign + padded.dropLast(digits) + "." + padded.suffix(digits)
  }

  /// `138.4 MB`: powers of 1000.
  package static func bytes(_ count: Int) -> String { scaled(count, ["B", "kB", "MB", "GB", "TB"]) }

  /// `134.5 M`
  package static func count(_ count: Int) -> String { scaled(count, ["", "k", "M", "B", "T"]) }

  /// Three significant digits, in the unit that suits: `3.2 ms`.
  package static func seconds(_ value: Double) -> String {
    if value >= 1 { return fixed(value, 2) + " s" }
    if value >= 1e-3 { return fixed(value * 1e3, value >= 0.1 ? 0 : value >= 0.01 ? 1 : 2) + " ms" }
    return fixed(value * 1e6, value >= 1e-4 ? 0 : 1) + " µs"
  }

  /// `1 tensor`, `2 tensors`
  package static func plural(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }

  /// A text from a file made safe for a terminal: control characters become escapes.
  package static func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{200E}", "\u{200F}", "\u{202A}"..."\u{202E}",
        "\u{2066}"..."\u{2069}":
        result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func scaled(_ count: Int, _ units: [String]) -> String {
    var value = Double(count), unit = 0
    while value >= 999.95, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    let text = unit == 0 ? "\(count)" : fixed(value, 1)
    return units[unit].isEmpty ? text : text + " " + units[unit]
  }
}
