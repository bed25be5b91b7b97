// What stands inside `{{ … }}` and `{% … %}`: names, numbers, strings, symbols.
extension Lexer {
  /// Reads tokens up to and including the end of the tag. A closing mark inside brackets does not count.
  mutating func lexTag(isBlock: Bool) throws(ChatTemplateError) {
    var open: [Token.Symbol] = []
    while position < source.count {
      if open.isEmpty, let end = isBlock ? blockEnd(at: position) : variableEnd(at: position) {
        append(isBlock ? .blockEnd : .variableEnd, line: line)
        advance(to: end)
        return
      }
      let scalar = source[position]
      if scalar.isPythonSpace {
        advance(to: position + 1)
      } else if scalar.isASCIIDigit {
        try lexNumber()
      } else if scalar.isNamePart {
        try lexName()
      } else if scalar == "'" || scalar == "\"" {
        try lexString(quote: scalar)
      } else {
        try lexSymbol(&open)
      }
    }
  }

  private mutating func lexName() throws(ChatTemplateError) {
    let start = position
    while position < source.count, source[position].isNamePart { position += 1 }
    let name = String(scalars: source[start..<position])
    guard source[start] == "_" || source[start].properties.isXIDStart else {
      throw .unexpected(line: line, found: "'\(name)'", expected: "a name")
    }
    append(.name(name), line: line)
  }

  private mutating func lexSymbol(_ open: inout [Token.Symbol]) throws(ChatTemplateError) {
    let pair = String(scalars: source[position..<min(position + 2, source.count)])
    let single = String(Character(source[position]))
    guard let symbol = Token.Symbol(rawValue: pair) ?? Token.Symbol(rawValue: single) else {
      throw .unexpected(line: line, found: "'\(single)'", expected: "an expression")
    }
    switch symbol {
    case .leftBrace: open.append(.rightBrace)
    case .leftParenthesis: open.append(.rightParenthesis)
    case .leftBracket: open.append(.rightBracket)
    case .rightBrace, .rightParenthesis, .rightBracket:
      let expected = open.popLast()
      guard expected == symbol else {
        let wanted = expected.map { "'\($0.rawValue)'" } ?? "no closing bracket"
        throw .unexpected(line: line, found: "'\(symbol.rawValue)'", expected: wanted)
      }
    default: break
    }
    append(.symbol(symbol), line: line)
    position += symbol.rawValue.utf8.count
  }

  // MARK: Numbers

  /// Digits with single underscores between them, from `index`; returns the position after them.
  private func digits(from index: Int, where isDigit: (Unicode.Scalar) -> Bool) -> Int {
    var index = index
    while index < source.count {
      if isDigit(source[index]) {
        index += 1
      } else if source[index] == "_", index + 1 < source.count, isDigit(source[index + 1]) {
        index += 2
      } else {
        break
      }
    }
    return index
  }

  private mutating func lexNumber() throws(ChatTemplateError) {
    let start = position
    let whole = digits(from: start, where: \.isASCIIDigit)
    let afterDot = start > 0 && source[start - 1] == "."
    if !afterDot, let end = floatEnd(after: whole) {
      let text = String(scalars: source[start..<end].lazy.filter { $0 != "_" })
      append(.float(Double(text) ?? .infinity), line: line)
      position = end
      return
    }
    var end = whole
    var radix = 10
    var digitsStart = start
    if source[start] == "0" {
      let prefix = start + 1 < source.count ? source[start + 1] : " "
      let candidates: [(String, Int)] = [("bB", 2), ("oO", 8), ("xX", 16)]
      end = digits(from: start, where: { $0 == "0" })
      for (letters, base) in candidates where letters.unicodeScalars.contains(prefix) {
        let stop = digits(from: start + 2) { scalar in
          scalar.isASCII && Character(scalar).hexDigitValue.map { $0 < base } ?? false
        }
        if stop > start + 2 { (end, radix, digitsStart) = (stop, base, start + 2) }
      }
    }
    let text = String(scalars: source[digitsStart..<end].lazy.filter { $0 != "_" })
    guard let value = Int(text, radix: radix) else {
      throw .integerOverflow(line: line, operation: "'\(text)'")
    }
    append(.integer(value), line: line)
    position = end
  }

  /// Where a float ends whose whole part ends at `index`: it needs a fraction or an exponent.
  private func floatEnd(after index: Int) -> Int? {
    var end = index
    if end + 1 < source.count, source[end] == ".", source[end + 1].isASCIIDigit {
      end = digits(from: end + 1, where: \.isASCIIDigit)
    }
    var exponent = end
    if exponent < source.count, source[exponent] == "e" || source[exponent] == "E" {
      exponent += 1
      if exponent < source.count, source[exponent] == "+" || source[exponent] == "-" { exponent += 1 }
      if exponent < source.count, source[exponent].isASCIIDigit {
        return digits(from: exponent, where: \.isASCIIDigit)
      }
    }
    return end > index ? end : nil
  }

  // MARK: Strings

  private mutating func lexString(quote: Unicode.Scalar) throws(ChatTemplateError) {
    let openLine = line
    var text: [Unicode.Scalar] = []
    var index = position + 1
    while true {
      guard index < source.count else {
        throw .unexpected(line: openLine, found: "the end of the template", expected: "the end of a string")
      }
      let scalar = source[index]
      index += 1
      if scalar == quote { break }
      guard scalar == "\\" else {
        text.append(scalar)
        continue
      }
      guard index < source.count else { continue }
      try lexEscape(at: &index, into: &text)
    }
    append(.string(String(scalars: text)), line: openLine)
    advance(to: index)
  }

  /// Python's string escapes; an unknown one keeps its backslash.
  private func lexEscape(at index: inout Int, into text: inout [Unicode.Scalar]) throws(ChatTemplateError) {
    let letter = source[index]
    index += 1
    switch letter {
    case "\n": break
    case "\\", "'", "\"": text.append(letter)
    case "a": text.append("\u{07}")
    case "b": text.append("\u{08}")
    case "f": text.append("\u{0C}")
    case "n": text.append("\n")
    case "r": text.append("\r")
    case "t": text.append("\t")
    case "v": text.append("\u{0B}")
    case "x": text.append(try hexEscape(at: &index, digits: 2))
    case "u": text.append(try hexEscape(at: &index, digits: 4))
    case "U": text.append(try hexEscape(at: &index, digits: 8))
    case "N": throw .unsupported(line: line, construct: "the string escape '\\N'")
    case "0"..."7":
      var value = letter.value - 48
      var count = 1
      while count < 3, index < source.count, ("0"..."7").contains(source[index]) {
        value = value * 8 + source[index].value - 48
        index += 1
        count += 1
      }
      // Three octal digits reach at most 511, always a scalar.
      text.append(Unicode.Scalar(value) ?? "?")
    default:
      text.append("\\")
      text.append(letter)
    }
  }

  private func hexEscape(at index: inout Int, digits: Int) throws(ChatTemplateError) -> Unicode.Scalar {
    let end = index + digits
    guard end <= source.count,
      let value = UInt32(String(scalars: source[index..<end]), radix: 16),
      let scalar = Unicode.Scalar(value)
    else {
      throw .unexpected(
        line: line, found: "an escape that is no Unicode scalar", expected: "\(digits) hexadecimal digits")
    }
    index = end
    return scalar
  }
}

extension Unicode.Scalar {
  var isASCIIDigit: Bool { ("0"..."9").contains(self) }
  var isNamePart: Bool { self == "_" || properties.isXIDContinue }
}
