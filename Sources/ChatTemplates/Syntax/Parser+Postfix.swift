// What follows a primary expression: `.name`, `[item]`, `(arguments)`, `| filter`, `is test`; and targets.
extension Parser {
  mutating func parsePostfix(_ value: Expression) throws(ChatTemplateError) -> Expression {
    var value = value
    while true {
      switch current.kind {
      case .symbol(.dot): value = try parseAttribute(value)
      case .symbol(.leftBracket): value = try parseSubscript(value)
      case .symbol(.leftParenthesis): value = try parseCall(value)
      default: return value
      }
    }
  }

  private mutating func parseAttribute(_ value: Expression) throws(ChatTemplateError) -> Expression {
    let line = advance().line
    switch current.kind {
    case .name(let name):
      advance()
      return try make(.attribute(value, name), line: line, above: value.height)
    case .integer(let index):
      let item = try make(.integer(index), line: self.line)
      advance()
      return try make(.item(value, item), line: line, above: value.height)
    default: throw unexpected("a name or a number")
    }
  }

  private mutating func parseSubscript(_ value: Expression) throws(ChatTemplateError) -> Expression {
    let line = advance().line
    var items: [Expression] = []
    var isTuple = false
    while !isSymbol(.rightBracket) {
      if isTuple { try expect(.comma) }
      let start = isSymbol(.colon) ? nil : try parseExpression()
      if isSymbol(.colon) {
        guard !isTuple else { throw .unsupported(line: line, construct: "a tuple of slices") }
        let slice = try parseSlice(of: value, from: start, line: line)
        guard isSymbol(.rightBracket) else { throw .unsupported(line: line, construct: "a tuple of slices") }
        advance()
        return slice
      }
      if let start { items.append(start) }
      isTuple = true
    }
    try expect(.rightBracket)
    let height = items.map(\.height).max() ?? 0
    let item = items.count == 1 ? items[0] : try make(.tuple(items), line: line, above: height)
    return try make(.item(value, item), line: line, above: value.height, item.height)
  }

  private mutating func parseSlice(
    of value: Expression, from start: Expression?, line: Int
  ) throws(ChatTemplateError) -> Expression {
    try expect(.colon)
    var stop: Expression?
    var step: Expression?
    if !isSymbol(.colon), !isSymbol(.rightBracket), !isSymbol(.comma) { stop = try parseExpression() }
    if skip(.colon), !isSymbol(.rightBracket), !isSymbol(.comma) { step = try parseExpression() }
    let height = [start, stop, step].compactMap { $0?.height }.max() ?? 0
    return try make(
      .slice(value, start: start, stop: stop, step: step), line: line, above: value.height, height)
  }

  mutating func parseCall(_ value: Expression) throws(ChatTemplateError) -> Expression {
    let line = line
    let arguments = try parseArguments()
    return try make(.call(value, arguments), line: line, above: value.height, arguments.height)
  }

  private mutating func parseArguments() throws(ChatTemplateError) -> ArgumentList {
    let line = line
    try expect(.leftParenthesis)
    var arguments = ArgumentList()
    func ensure(_ isValid: Bool) throws(ChatTemplateError) {
      guard isValid else {
        throw .invalidSyntax(line: line, problem: "the arguments of a call are out of order")
      }
    }
    while !isSymbol(.rightParenthesis) {
      if skip(.multiply) {
        try ensure(arguments.spread == nil && arguments.spreadNamed == nil)
        arguments.spread = try parseExpression()
      } else if skip(.power) {
        try ensure(arguments.spreadNamed == nil)
        arguments.spreadNamed = try parseExpression()
      } else if case .name(let name) = current.kind, next.kind == .symbol(.assign) {
        try ensure(arguments.spreadNamed == nil)
        advance()
        advance()
        let value = try parseExpression()
        if arguments.named.contains(where: { $0.name == name }) {
          throw .invalidSyntax(line: line, problem: "the argument '\(name)' is given twice")
        }
        arguments.named.append((name, value))
      } else {
        try ensure(arguments.spread == nil && arguments.spreadNamed == nil && arguments.named.isEmpty)
        arguments.positional.append(try parseExpression())
      }
      guard skip(.comma) else { break }
    }
    try expect(.rightParenthesis)
    return arguments
  }

  // MARK: Filters and tests

  /// Zero or more `| filter`.
  mutating func parseFilterCalls() throws(ChatTemplateError) -> [FilterCall] {
    var calls: [FilterCall] = []
    while skip(.pipe) { calls.append(try parseFilterCall()) }
    return calls
  }

  mutating func parseFilterCall() throws(ChatTemplateError) -> FilterCall {
    let line = line
    let name = try parseDottedName()
    let arguments = isSymbol(.leftParenthesis) ? try parseArguments() : ArgumentList()
    if !toleratesMissingFilters, Filter.table[name] == nil {
      missing.append(Filter.absence(of: name, line: line))
    }
    return FilterCall(name: name, arguments: arguments, line: line)
  }

  private mutating func parseDottedName() throws(ChatTemplateError) -> String {
    var name = try expectName()
    while skip(.dot) { name += "." + (try expectName()) }
    return name
  }

  /// `value is [not] name [argument]`; one argument may stand without parentheses.
  mutating func parseTest(_ value: Expression) throws(ChatTemplateError) -> Expression {
    let line = advance().line
    let isNegated = skip(name: "not")
    let name = try parseDottedName()
    var arguments = ArgumentList()
    switch current.kind {
    case .symbol(.leftParenthesis): arguments = try parseArguments()
    case .name("else"), .name("or"), .name("and"): break
    case .name("is"): throw .invalidSyntax(line: line, problem: "tests with 'is' cannot be chained")
    case .name, .string, .integer, .float, .symbol(.leftBracket), .symbol(.leftBrace):
      arguments.positional = [try parsePostfix(try parsePrimary())]
    default: break
    }
    if !toleratesMissingFilters, ValueTest.table[name] == nil {
      missing.append(.unknownTest(line: line, name: name))
    }
    let test = try make(
      .test(value, FilterCall(name: name, arguments: arguments, line: line)), line: line,
      above: value.height, arguments.height)
    return isNegated ? try make(.not(test), line: line, above: test.height) : test
  }

  // MARK: Targets

  /// What an assignment assigns to; a comma makes a tuple. `stopsAtIn`: the `in` of a `for` ends it.
  mutating func parseTarget(
    allowsNamespace: Bool = false, stopsAtIn: Bool = false
  ) throws(ChatTemplateError) -> Target {
    try nested { (parser) throws(ChatTemplateError) in
      var parts: [Target] = []
      var isTuple = false
      while !parser.atTupleEnd(stopsAtIn ? "in" : nil) {
        parts.append(try parser.parseSingleTarget(allowsNamespace: allowsNamespace))
        guard parser.skip(.comma) else { break }
        isTuple = true
      }
      guard let first = parts.first else { throw parser.unexpected("a name to assign to") }
      return isTuple ? .tuple(parts) : first
    }
  }

  private mutating func parseSingleTarget(allowsNamespace: Bool) throws(ChatTemplateError) -> Target {
    if skip(.leftParenthesis) {
      let target = try parseTarget()
      try expect(.rightParenthesis)
      return target
    }
    let name = try parseTargetName(notes: false)
    if allowsNamespace, skip(.dot) {
      return .namespaceAttribute(namespace: name, attribute: try expectName())
    }
    noteAssignment(to: name)
    return .name(name)
  }

  mutating func parseTargetName(notes: Bool = true) throws(ChatTemplateError) -> String {
    let token = current
    let name = try expectName()
    if ["true", "false", "none", "True", "False", "None"].contains(name) {
      throw .unexpected(line: token.line, found: token.wording, expected: "a name to assign to")
    }
    if notes { noteAssignment(to: name) }
    return name
  }
}
