extension Parser {
  /// Statements up to a block whose tag is one of `ends` (its name is then the current token), or to the end of
  /// the source when there are none.
  mutating func parseBody(until ends: [String]) throws(ChatTemplateError) -> [Statement] {
    var body: [Statement] = []
    while true {
      let token = advance()
      switch token.kind {
      case .text(let text):
        body.append(Statement(kind: .text(text), line: token.line))
      case .variableBegin:
        let value = try parseTuple()
        try expect(.variableEnd)
        body.append(Statement(kind: .output(value), line: token.line))
      case .blockBegin:
        if case .name(let name) = current.kind, ends.contains(name) { return body }
        let outcome = try nested { (parser) throws(ChatTemplateError) in try parser.parseStatement() }
        try expect(.blockEnd)
        body.append(contentsOf: outcome)
      case .end where ends.isEmpty:
        return body
      default:
        throw .unexpected(
          line: token.line, found: token.wording, expected: ends.map { "'\($0)'" }.joined(separator: " or "))
      }
    }
  }

  /// The rest of a block's opening tag and its body.
  mutating func parseBlock(until ends: String...) throws(ChatTemplateError) -> [Statement] {
    _ = skip(.colon)
    try expect(.blockEnd)
    return try parseBody(until: ends)
  }

  /// A body in which names, loops and missing filters are judged anew, as in Jinja's inner frames.
  mutating func parseInnerBlock(
    until end: String, isFunction: Bool
  ) throws(ChatTemplateError) -> [Statement] {
    let saved = (loopDepth, toleratesMissingFilters)
    defer { (loopDepth, toleratesMissingFilters) = saved }
    if isFunction { loopDepth = 0 }
    toleratesMissingFilters = false
    let body = try parseBlock(until: end)
    advance()
    return body
  }

  private mutating func parseStatement() throws(ChatTemplateError) -> [Statement] {
    let line = line
    let name = try expectName()
    func single(_ kind: Statement.Kind) -> [Statement] { [Statement(kind: kind, line: line)] }
    switch name {
    case "if": return single(try parseIf())
    case "for": return single(try parseFor())
    case "set": return single(try parseSet())
    case "macro": return single(try parseMacro())
    case "call": return single(try parseCallBlock(line: line))
    case "filter": return single(try parseFilterBlock())
    case "with": return single(try parseWith())
    case "generation": return single(.scope(try parseInnerBlock(until: "endgeneration", isFunction: true)))
    case "print": return try parsePrint(line: line)
    case "break", "continue":
      guard loopDepth > 0 else { throw .invalidSyntax(line: line, problem: "'\(name)' outside a loop") }
      return single(name == "break" ? .breakLoop : .continueLoop)
    case "block", "extends", "include", "import", "from", "autoescape":
      throw .unsupported(line: line, construct: "the tag '\(name)'")
    default:
      throw .unknownTag(line: line, name: name)
    }
  }

  private mutating func parseIf() throws(ChatTemplateError) -> Statement.Kind {
    let saved = toleratesMissingFilters
    defer { toleratesMissingFilters = saved }
    toleratesMissingFilters = true
    var branches: [(condition: Expression, body: [Statement])] = []
    var otherwise: [Statement] = []
    while true {
      let condition = try parseTuple(allowsConditional: false)
      let body = try parseBlock(until: "elif", "else", "endif")
      branches.append((condition, body))
      if skip(name: "elif") { continue }
      if skip(name: "else") { otherwise = try parseBlock(until: "endif") }
      advance()
      return .conditional(branches, otherwise: otherwise)
    }
  }

  private mutating func parseFor() throws(ChatTemplateError) -> Statement.Kind {
    let target = try parseTarget(stopsAtIn: true)
    try expect(name: "in")
    let iterable = try parseTuple(allowsConditional: false, end: "recursive")
    let saved = (loopDepth, toleratesMissingFilters)
    defer { (loopDepth, toleratesMissingFilters) = saved }
    toleratesMissingFilters = false
    let condition = skip(name: "if") ? try parseExpression() : nil
    if isName("recursive") { throw .unsupported(line: line, construct: "a recursive 'for'") }
    if assigns(target, "loop") { throw loopAssignment() }
    loopNesting += 1
    defer { loopNesting -= 1 }
    loopDepth += 1
    let body = try parseBlock(until: "endfor", "else")
    loopDepth -= 1
    let otherwise = skip(name: "else") ? try parseBlock(until: "endfor") : []
    advance()
    return .loop(
      Statement.Loop(
        target: target, iterable: iterable, condition: condition, body: body, otherwise: otherwise))
  }

  private mutating func parseSet() throws(ChatTemplateError) -> Statement.Kind {
    let target = try parseTarget(allowsNamespace: true)
    if loopNesting > 0, assigns(target, "loop") { throw loopAssignment() }
    if skip(.assign) { return .assign(target, try parseTuple()) }
    let saved = toleratesMissingFilters
    toleratesMissingFilters = false
    defer { toleratesMissingFilters = saved }
    let filters = try parseFilterCalls()
    return .assignBlock(
      target, filters: filters, body: try parseInnerBlock(until: "endset", isFunction: false))
  }

  private func assigns(_ target: Target, _ name: String) -> Bool {
    switch target {
    case .name(let other): other == name
    case .namespaceAttribute: false
    case .tuple(let parts): parts.contains { assigns($0, name) }
    }
  }

  private func loopAssignment() -> ChatTemplateError {
    .invalidSyntax(line: line, problem: "'loop' cannot be assigned in a loop")
  }

  private mutating func parseMacro() throws(ChatTemplateError) -> Statement.Kind {
    let line = line
    let name = try expectName()
    noteAssignment(to: name)
    if loopNesting > 0, name == "loop" { throw loopAssignment() }
    return .macro(try parseMacroRest(name: name, line: line, end: "endmacro"))
  }

  private mutating func parseMacroRest(
    name: String, line: Int, end: String
  ) throws(ChatTemplateError) -> MacroDefinition {
    let parameters = isSymbol(.leftParenthesis) || end == "endmacro" ? try parseParameters() : []
    return try finishMacro(name: name, line: line, parameters: parameters) {
      (parser) throws(ChatTemplateError) in
      try parser.parseInnerBlock(until: end, isFunction: true)
    }
  }

  private mutating func finishMacro(
    name: String, line: Int, parameters: [(name: String, defaultValue: Expression?)],
    parseBody: (inout Parser) throws(ChatTemplateError) -> [Statement]
  ) throws(ChatTemplateError) -> MacroDefinition {
    specialNames.append(SpecialNames())
    let body = try parseBody(&self)
    let found = specialNames.removeLast().found
    let names = parameters.map(\.name)
    if found.contains("caller"), let caller = parameters.first(where: { $0.name == "caller" }),
      caller.defaultValue == nil
    {
      throw .invalidSyntax(line: line, problem: "a macro's parameter 'caller' needs a default")
    }
    return MacroDefinition(
      name: name, parameters: parameters, body: body,
      usesCaller: found.contains("caller"),
      usesNamedRest: found.contains("kwargs") && !names.contains("kwargs"),
      usesPositionalRest: found.contains("varargs") && !names.contains("varargs"))
  }

  private mutating func parseParameters() throws(ChatTemplateError) -> [(
    name: String, defaultValue: Expression?
  )] {
    var parameters: [(name: String, defaultValue: Expression?)] = []
    try expect(.leftParenthesis)
    while !isSymbol(.rightParenthesis) {
      if !parameters.isEmpty { try expect(.comma) }
      let line = line
      let name = try parseTargetName()
      if parameters.contains(where: { $0.name == name }) {
        throw .invalidSyntax(line: line, problem: "the parameter '\(name)' is declared twice")
      }
      if skip(.assign) {
        parameters.append((name, try parseExpression()))
      } else if parameters.last?.defaultValue != nil {
        throw .invalidSyntax(
          line: line, problem: "the parameter '\(name)' needs a default, like those before it")
      } else {
        parameters.append((name, nil))
      }
    }
    advance()
    return parameters
  }

  private mutating func parseCallBlock(line: Int) throws(ChatTemplateError) -> Statement.Kind {
    let parameters = isSymbol(.leftParenthesis) ? try parseParameters() : []
    let call = try parseExpression()
    guard case .call(let callee, let arguments) = call.kind else {
      throw .invalidSyntax(line: line, problem: "the tag 'call' needs a call")
    }
    let definition = try finishMacro(name: "caller", line: line, parameters: parameters) {
      (parser) throws(ChatTemplateError) in
      try parser.parseInnerBlock(until: "endcall", isFunction: true)
    }
    return .callBlock(definition, callee: callee, arguments: arguments)
  }

  private mutating func parseFilterBlock() throws(ChatTemplateError) -> Statement.Kind {
    let saved = toleratesMissingFilters
    toleratesMissingFilters = false
    defer { toleratesMissingFilters = saved }
    let first = try parseFilterCall()
    let filters = [first] + (try parseFilterCalls())
    return .filterBlock(filters, body: try parseInnerBlock(until: "endfilter", isFunction: false))
  }

  private mutating func parseWith() throws(ChatTemplateError) -> Statement.Kind {
    var bindings: [(target: Target, value: Expression)] = []
    while current.kind != .blockEnd && !isSymbol(.colon) {
      if !bindings.isEmpty { try expect(.comma) }
      let target = try parseTarget()
      try expect(.assign)
      bindings.append((target, try parseExpression()))
    }
    return .with(bindings, body: try parseInnerBlock(until: "endwith", isFunction: false))
  }

  private mutating func parsePrint(line: Int) throws(ChatTemplateError) -> [Statement] {
    var outputs: [Statement] = []
    while current.kind != .blockEnd {
      if !outputs.isEmpty { try expect(.comma) }
      outputs.append(Statement(kind: .output(try parseExpression()), line: line))
    }
    return outputs
  }
}
