/// Cuts a template into tokens, applying whitespace control as Jinja does with `trim_blocks` and `lstrip_blocks`.
///
/// `{%- … -%}` strips whitespace outwards; a block or comment tag alone on its line loses the indentation before
/// it and the newline after it, unless it is marked `{%+` or `+%}`. A single newline at the end of the source is
/// dropped, and every line break becomes `\n`.
struct Lexer {
  enum Tag { case block, variable, comment }

  let source: [Unicode.Scalar]
  var position = 0
  var line = 1
  var tokens: [Token] = []
  /// Whether the last tag ended with a newline (or nothing came before): lstrip applies only at a line's start.
  private var atLineStart = true

  init(_ text: String) {
    var scalars: [Unicode.Scalar] = []
    scalars.reserveCapacity(text.utf8.count)
    var previousWasReturn = false
    for scalar in text.unicodeScalars {
      if scalar == "\n" && previousWasReturn {
        previousWasReturn = false
        continue
      }
      previousWasReturn = scalar == "\r"
      scalars.append(scalar == "\r" ? "\n" : scalar)
    }
    if scalars.last == "\n" { scalars.removeLast() }
    source = scalars
  }

  /// - Throws: `ChatTemplateError` for characters that start no token and for unclosed comments or raw blocks.
  static func tokenize(_ text: String) throws(ChatTemplateError) -> [Token] {
    var lexer = Lexer(text)
    try lexer.run()
    return lexer.tokens
  }

  private mutating func run() throws(ChatTemplateError) {
    while let (start, tag) = nextTag() {
      if tag == .block, let raw = rawBlock(at: start) {
        emitText(upTo: start, sign: raw.sign, strippable: true)
        advance(to: raw.bodyStart)
        try lexRawBody()
        continue
      }
      let sign = signAt(start + 2)
      emitText(upTo: start, sign: sign, strippable: tag != .variable)
      let tagLine = line
      advance(to: start + 2 + (sign == nil ? 0 : 1))
      switch tag {
      case .comment:
        try skipComment()
      case .block:
        append(.blockBegin, line: tagLine)
        try lexTag(isBlock: true)
      case .variable:
        append(.variableBegin, line: tagLine)
        try lexTag(isBlock: false)
      }
      atLineStart = position > 0 && source[position - 1] == "\n"
    }
    emitText(upTo: source.count, sign: "+", strippable: false)
    append(.end, line: line)
  }

  mutating func append(_ kind: Token.Kind, line: Int) {
    tokens.append(Token(kind: kind, line: line))
  }

  /// Moves on, counting lines.
  mutating func advance(to end: Int) {
    while position < end {
      if source[position] == "\n" { line += 1 }
      position += 1
    }
  }

  func matches(_ text: StaticString, at index: Int) -> Bool {
    let count = text.utf8CodeUnitCount
    guard index + count <= source.count else { return false }
    for offset in 0..<count where source[index + offset].value != UInt32(text.utf8Start[offset]) {
      return false
    }
    return true
  }

  private func nextTag() -> (start: Int, tag: Tag)? {
    var index = position
    while index + 1 < source.count {
      if source[index] == "{" {
        switch source[index + 1] {
        case "%": return (index, .block)
        case "{": return (index, .variable)
        case "#": return (index, .comment)
        default: break
        }
      }
      index += 1
    }
    return nil
  }

  private func signAt(_ index: Int) -> Unicode.Scalar? {
    guard index < source.count, source[index] == "-" || source[index] == "+" else { return nil }
    return source[index]
  }

  private func skippingSpace(_ index: Int) -> Int {
    var index = index
    while index < source.count, source[index].isPythonSpace { index += 1 }
    return index
  }

  private mutating func emitText(upTo end: Int, sign: Unicode.Scalar?, strippable: Bool) {
    let start = position
    var stop = end
    if sign == "-" {
      while stop > start, source[stop - 1].isPythonSpace { stop -= 1 }
    } else if sign == nil && strippable {
      var lineStart = stop
      while lineStart > start, source[lineStart - 1] != "\n" { lineStart -= 1 }
      let startsLine = lineStart > start || atLineStart
      if startsLine, source[lineStart..<stop].allSatisfy(\.isPythonSpace) { stop = lineStart }
    }
    if stop > start { append(.text(String(scalars: source[start..<stop])), line: line) }
    advance(to: end)
  }

  /// The sign and the first position after `{% raw %}` when a raw block opens at `start`.
  private func rawBlock(at start: Int) -> (sign: Unicode.Scalar?, bodyStart: Int)? {
    let sign = signAt(start + 2)
    var index = skippingSpace(start + 2 + (sign == nil ? 0 : 1))
    guard matches("raw", at: index) else { return nil }
    index = skippingSpace(index + 3)
    if matches("-%}", at: index) { return (sign, skippingSpace(index + 3)) }
    return matches("%}", at: index) ? (sign, index + 2) : nil
  }

  private mutating func lexRawBody() throws(ChatTemplateError) {
    let openLine = line
    var index = position
    atLineStart = position > 0 && source[position - 1] == "\n"
    while index < source.count {
      if matches("{%", at: index) {
        let sign = signAt(index + 2)
        let nameStart = skippingSpace(index + 2 + (sign == nil ? 0 : 1))
        if matches("endraw", at: nameStart), let end = blockEnd(at: skippingSpace(nameStart + 6)) {
          emitText(upTo: index, sign: sign, strippable: true)
          advance(to: end)
          atLineStart = source[position - 1] == "\n"
          return
        }
      }
      index += 1
    }
    throw .unexpected(line: openLine, found: "the end of the template", expected: "'endraw'")
  }

  /// The position after a block's closing `%}` at `index`, whitespace control included; nil if none is there.
  func blockEnd(at index: Int) -> Int? {
    if matches("+%}", at: index) { return index + 3 }
    if matches("-%}", at: index) { return skippingSpace(index + 3) }
    guard matches("%}", at: index) else { return nil }
    return index + 2 < source.count && source[index + 2] == "\n" ? index + 3 : index + 2
  }

  /// The position after a closing `}}` at `index`; `trim_blocks` does not apply to it.
  func variableEnd(at index: Int) -> Int? {
    if matches("-}}", at: index) { return skippingSpace(index + 3) }
    return matches("}}", at: index) ? index + 2 : nil
  }

  private mutating func skipComment() throws(ChatTemplateError) {
    let openLine = line
    var index = position
    while !matches("#}", at: index) {
      guard index < source.count else {
        throw .unexpected(
          line: openLine, found: "the end of the template", expected: "'#}' to close the comment")
      }
      index += 1
    }
    let before = index > position ? source[index - 1] : nil
    var end = index + 2
    if before == "-" {
      end = skippingSpace(end)
    } else if before != "+", end < source.count, source[end] == "\n" {
      end += 1
    }
    advance(to: end)
  }
}
