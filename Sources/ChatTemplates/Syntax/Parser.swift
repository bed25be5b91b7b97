/// Builds the syntax tree of a template by recursive descent, following Jinja's grammar.
struct Parser {
  private(set) var tokens: [Token]
  private var index = 0
  let limits: TemplateLimits

  /// Levels of blocks and expressions that are open; bounds the parser's own recursion.
  private var depth = 0
  /// `for` bodies around this place within the same function: where `break` may stand.
  var loopDepth = 0
  /// `for` statements around this place, through macros: where `loop` may not be assigned.
  var loopNesting = 0
  /// In the branches of an `if` a missing filter matters only when it is reached; elsewhere it is an error at once.
  var toleratesMissingFilters = false
  /// Filters and tests that do not exist and are used where that is an error.
  var missing: [ChatTemplateError] = []
  /// One entry per open macro: which of the special names its body reads.
  var specialNames: [SpecialNames] = []

  struct SpecialNames {
    var wanted: Set<String> = ["caller", "kwargs", "varargs"]
    var found: Set<String> = []
  }

  /// - Throws: `ChatTemplateError` with the line of the first thing that is wrong.
  static func parse(_ source: String, limits: TemplateLimits) throws(ChatTemplateError) -> [Statement] {
    guard source.utf8.count <= limits.sourceBytes else {
      throw .limitExceeded(line: 1, limit: .sourceBytes, maximum: limits.sourceBytes)
    }
    var parser = Parser(tokens: try Lexer.tokenize(source), limits: limits)
    let body = try parser.parseBody(until: [])
    if let error = parser.missing.first { throw error }
    return body
  }

  private init(tokens: [Token], limits: TemplateLimits) {
    self.tokens = tokens
    self.limits = limits
  }

  // MARK: Tokens

  var current: Token { tokens[index] }
  var next: Token { tokens[min(index + 1, tokens.count - 1)] }
  var line: Int { current.line }

  @discardableResult
  mutating func advance() -> Token {
    let token = tokens[index]
    if index < tokens.count - 1 { index += 1 }
    return token
  }

  func isName(_ name: String) -> Bool { current.kind == .name(name) }
  func isSymbol(_ symbol: Token.Symbol) -> Bool { current.kind == .symbol(symbol) }

  mutating func skip(name: String) -> Bool {
    guard isName(name) else { return false }
    advance()
    return true
  }

  mutating func skip(_ symbol: Token.Symbol) -> Bool {
    guard isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func expect(_ symbol: Token.Symbol) throws(ChatTemplateError) {
    guard skip(symbol) else { throw unexpected("'\(symbol.rawValue)'") }
  }

  mutating func expect(name: String) throws(ChatTemplateError) {
    guard skip(name: name) else { throw unexpected("'\(name)'") }
  }

  mutating func expect(_ kind: Token.Kind) throws(ChatTemplateError) {
    guard current.kind == kind else { throw unexpected(Token(kind: kind, line: 0).wording) }
    advance()
  }

  mutating func expectName() throws(ChatTemplateError) -> String {
    guard case .name(let name) = current.kind else { throw unexpected("a name") }
    advance()
    return name
  }

  func unexpected(_ expected: String) -> ChatTemplateError {
    .unexpected(line: line, found: current.wording, expected: expected)
  }

  // MARK: Nesting

  /// Runs `parse` one level deeper, refusing sources nested beyond the limit.
  mutating func nested<Result>(
    _ parse: (inout Parser) throws(ChatTemplateError) -> Result
  ) throws(ChatTemplateError) -> Result {
    guard depth < limits.nesting else { throw nestingError() }
    depth += 1
    defer { depth -= 1 }
    return try parse(&self)
  }

  func nestingError() -> ChatTemplateError {
    .limitExceeded(line: line, limit: .nesting, maximum: limits.nesting)
  }

  /// Makes an expression, refusing trees too tall to evaluate; long chains like `a + b + …` grow tall too.
  func make(
    _ kind: Expression.Kind, line: Int, above children: Int...
  ) throws(ChatTemplateError) -> Expression {
    let height = (children.max() ?? 0) + 1
    guard height <= limits.nesting else {
      throw .limitExceeded(line: line, limit: .nesting, maximum: limits.nesting)
    }
    return Expression(kind: kind, line: line, height: height)
  }

  // MARK: Special names of macros

  mutating func noteUse(of name: String) {
    for frame in specialNames.indices where specialNames[frame].wanted.contains(name) {
      specialNames[frame].found.insert(name)
    }
  }

  mutating func noteAssignment(to name: String) {
    for frame in specialNames.indices { specialNames[frame].wanted.remove(name) }
  }
}
