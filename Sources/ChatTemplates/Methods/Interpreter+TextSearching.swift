// Searching and padding for the methods of `str`.
extension Interpreter {
  func hasAffix(_ name: String, _ text: String, _ arguments: Arguments) throws(ChatTemplateError)
    -> Bool
  {
    let values = try arguments.positionalOnly(1...3, of: name, self)
    let affixes: [RuntimeValue]
    if case .tuple(let list) = values[0] { affixes = list.items } else { affixes = [values[0]] }
    var part = text
    if values.count > 1 {
      let scalars = Array(text.unicodeScalars)
      let (start, end) = try bounds(values, of: scalars.count)
      guard start <= end else { return false }
      part = String(scalars: scalars[start..<end])
    }
    for affix in affixes {
      let affix = try string(affix, of: name)
      if name == "startswith"
        ? part.utf8.starts(with: affix.utf8) : part.utf8.reversed().starts(with: affix.utf8.reversed())
      {
        return true
      }
    }
    return false
  }

  func search(_ name: String, _ text: String, _ arguments: Arguments) throws(ChatTemplateError) -> Int {
    let values = try arguments.positionalOnly(1...3, of: name, self)
    let wanted = try string(values[0], of: name)
    let scalars = Array(text.unicodeScalars)
    let (start, end) = try bounds(values, of: scalars.count)
    let isCount = name == "count"
    var found: Int?
    if start <= end {
      let part = String(scalars: scalars[start..<end])
      let bytes = Array(part.utf8)
      let finder = TextSearch(wanted)
      if isCount { return wanted.isEmpty ? end - start + 1 : finder.matches(in: bytes).count }
      if wanted.isEmpty {
        found = name.hasPrefix("r") ? end : start
      } else {
        let match =
          name.hasPrefix("r")
          ? finder.matchesFromRight(in: bytes, limit: 1) : finder.matches(in: bytes, limit: 1)
        // Bytes that begin a scalar, up to the match, count its place.
        found = match.first.map { start + bytes[..<$0].count { $0 & 0xC0 != 0x80 } }
      }
    }
    if isCount { return 0 }
    if found == nil, name.hasSuffix("index") {
      throw invalid("the string does not contain what '\(name)' looks for")
    }
    return found ?? -1
  }

  func pad(_ name: String, _ text: String, _ arguments: Arguments) throws(ChatTemplateError) -> String {
    let values = try arguments.positionalOnly(name == "zfill" ? 1...1 : 1...2, of: name, self)
    let width = try integer(values[0], of: name)
    let filler = values.count > 1 ? try string(values[1], of: name) : " "
    guard filler.unicodeScalars.count == 1 else { throw invalid("'\(name)' fills with one character") }
    let missing = max(0, width - min(width, text.unicodeScalars.count))
    try chargeText(text.utf8.count + (missing > limits.textBytes ? missing : missing * filler.utf8.count))
    func fill(_ count: Int) -> String { String(repeating: filler, count: count) }
    switch name {
    case "ljust": return text + fill(missing)
    case "rjust": return fill(missing) + text
    case "zfill":
      let sign = text.unicodeScalars.first.map { $0 == "+" || $0 == "-" } ?? false
      let zeros = String(repeating: "0", count: missing)
      return sign
        ? String(text.unicodeScalars.prefix(1)) + zeros + String(text.unicodeScalars.dropFirst())
        : zeros + text
    default:
      // CPython puts the odd space on the left when the width is odd.
      let left = missing / 2 + (missing & width & 1)
      return fill(left) + text + fill(missing - left)
    }
  }

  func expandTabs(_ text: String, width: Int) throws(ChatTemplateError) -> String {
    var result = ""
    var column = 0
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\t" where width > 0:
        let spaces = width - column % width
        try chargeText(result.utf8.count / 16 + spaces)
        result += String(repeating: " ", count: spaces)
        column += spaces
      case "\t": break
      case "\n", "\r":
        result.append(scalar: scalar)
        column = 0
      default:
        result.append(scalar: scalar)
        column += 1
      }
      guard result.utf8.count <= limits.textBytes else { throw limit(.textBytes, limits.textBytes) }
    }
    return result
  }
}
