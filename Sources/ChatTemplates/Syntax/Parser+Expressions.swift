extension Parser {
  /// From loosest to tightest. All are left associative, `**` too (unlike Python's), and `~` binds tighter than `+`.
  enum Precedence: Int {
    case or, and, not, comparison, additive, concatenation, multiplicative, power, unary

    var tighter: Precedence { Precedence(rawValue: rawValue + 1) ?? .unary }
  }

  /// A full expression; without `allowsConditional`, an `if` after it belongs to the statement around it.
  mutating func parseExpression(allowsConditional: Bool = true) throws(ChatTemplateError) -> Expression {
    try nested { (parser) throws(ChatTemplateError) in
      try allowsConditional ? parser.parseConditional() : parser.parseOperators(.or)
    }
  }

  private mutating func parseConditional() throws(ChatTemplateError) -> Expression {
    var line = line
    let saved = toleratesMissingFilters
    defer { toleratesMissingFilters = saved }
    let missingBefore = missing.count
    var value = try parseOperators(.or)
    while skip(name: "if") {
      // The value is a branch, after all: what is missing in it is missing only when it is taken.
      missing.removeSubrange(missingBefore...)
      toleratesMissingFilters = true
      let condition = try parseOperators(.or)
      var otherwise: Expression?
      if skip(name: "else") { otherwise = try parseExpression() }
      value = try make(
        .conditional(value, condition: condition, otherwise: otherwise), line: line,
        above: value.height, condition.height, otherwise?.height ?? 0)
      line = self.line
    }
    return value
  }

  /// Operators that bind at least as tightly as `minimum` (precedence climbing).
  private mutating func parseOperators(_ minimum: Precedence) throws(ChatTemplateError) -> Expression {
    var left: Expression
    if minimum.rawValue <= Precedence.not.rawValue, isName("not") {
      let line = advance().line
      let operand = try nested { (parser) throws(ChatTemplateError) in try parser.parseOperators(.not) }
      left = try make(.not(operand), line: line, above: operand.height)
    } else {
      left = try parseUnary(allowsFilters: true)
    }
    while let (precedence, binary) = currentOperator(), precedence.rawValue >= minimum.rawValue {
      let line = line
      switch precedence {
      case .comparison:
        left = try parseComparison(left)
      case .concatenation:
        left = try parseConcatenation(left)
      default:
        advance()
        let right = try parseOperators(precedence.tighter)
        let kind: Expression.Kind
        if let binary {
          kind = .binary(binary, left, right)
        } else {
          kind = precedence == .or ? .or(left, right) : .and(left, right)
        }
        left = try make(kind, line: line, above: left.height, right.height)
      }
    }
    return left
  }

  private func currentOperator() -> (Precedence, BinaryOperator?)? {
    switch current.kind {
    case .name("or"): (.or, nil)
    case .name("and"): (.and, nil)
    case .name("in"): (.comparison, nil)
    case .name("not"): next.kind == .name("in") ? (.comparison, nil) : nil
    case .symbol(let symbol):
      switch symbol {
      case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: (.comparison, nil)
      case .add, .subtract: (.additive, BinaryOperator(rawValue: symbol.rawValue))
      case .tilde: (.concatenation, nil)
      case .multiply, .divide, .floorDivide, .modulo:
        (.multiplicative, BinaryOperator(rawValue: symbol.rawValue))
      case .power: (.power, .power)
      default: nil
      }
    default: nil
    }
  }

  /// `a < b <= c` compares in a chain, as in Python.
  private mutating func parseComparison(_ first: Expression) throws(ChatTemplateError) -> Expression {
    let line = line
    var operands: [(ComparisonOperator, Expression)] = []
    var height = first.height
    while let (precedence, _) = currentOperator(), precedence == .comparison {
      let token = advance()
      let operation: ComparisonOperator
      switch token.kind {
      case .symbol(let symbol): operation = ComparisonOperator(rawValue: symbol.rawValue) ?? .equal
      case .name("not"):
        advance()
        operation = .notContained
      default: operation = .contained
      }
      let operand = try parseOperators(.additive)
      height = max(height, operand.height)
      operands.append((operation, operand))
    }
    return try make(.comparison(first, operands), line: line, above: height)
  }

  private mutating func parseConcatenation(_ first: Expression) throws(ChatTemplateError) -> Expression {
    let line = line
    var parts = [first]
    while skip(.tilde) { parts.append(try parseOperators(.multiplicative)) }
    return try make(.concatenation(parts), line: line, above: parts.map(\.height).max() ?? 0)
  }

  /// A sign binds tighter than filters: `-x | abs` is `(-x) | abs`.
  private mutating func parseUnary(allowsFilters: Bool) throws(ChatTemplateError) -> Expression {
    let line = line
    var value: Expression
    if isSymbol(.subtract) || isSymbol(.add) {
      let negates = isSymbol(.subtract)
      advance()
      let operand = try nested { (parser) throws(ChatTemplateError) in
        try parser.parseUnary(allowsFilters: false)
      }
      value = try make(negates ? .negate(operand) : .plus(operand), line: line, above: operand.height)
    } else {
      value = try parsePrimary()
    }
    value = try parsePostfix(value)
    guard allowsFilters else { return value }
    while true {
      if isSymbol(.pipe) {
        advance()
        let call = try parseFilterCall()
        value = try make(
          .filter(value, call), line: call.line, above: value.height, call.arguments.height)
      } else if isName("is") {
        value = try parseTest(value)
      } else if isSymbol(.leftParenthesis) {
        value = try parseCall(value)
      } else {
        return value
      }
    }
  }

  mutating func parsePrimary() throws(ChatTemplateError) -> Expression {
    let token = current
    switch token.kind {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return try make(.bool(true), line: token.line)
      case "false", "False": return try make(.bool(false), line: token.line)
      case "none", "None": return try make(.none, line: token.line)
      default:
        noteUse(of: name)
        return try make(.name(name), line: token.line)
      }
    case .string(var text):
      advance()
      while case .string(let more) = current.kind {
        text += more
        advance()
      }
      return try make(.text(text), line: token.line)
    case .integer(let value):
      advance()
      return try make(.integer(value), line: token.line)
    case .float(let value):
      advance()
      return try make(.float(value), line: token.line)
    case .symbol(.leftParenthesis):
      advance()
      let value = try parseTuple(allowsEmpty: true)
      try expect(.rightParenthesis)
      return value
    case .symbol(.leftBracket): return try parseList()
    case .symbol(.leftBrace): return try parseDictionary()
    default: throw unexpected("an expression")
    }
  }

  /// One expression, or several with commas between them: a tuple. `end` names what may follow a last comma.
  mutating func parseTuple(
    allowsConditional: Bool = true, allowsEmpty: Bool = false, end: String? = nil
  ) throws(ChatTemplateError) -> Expression {
    let line = line
    var items: [Expression] = []
    var isTuple = false
    while true {
      if atTupleEnd(end) { break }
      items.append(try parseExpression(allowsConditional: allowsConditional))
      guard skip(.comma) else { break }
      isTuple = true
    }
    if !isTuple {
      if let only = items.first { return only }
      guard allowsEmpty else { throw unexpected("an expression") }
    }
    return try make(.tuple(items), line: line, above: items.map(\.height).max() ?? 0)
  }

  func atTupleEnd(_ end: String?) -> Bool {
    switch current.kind {
    case .variableEnd, .blockEnd, .symbol(.rightParenthesis): true
    case .name(let name): name == end
    default: false
    }
  }

  private mutating func parseList() throws(ChatTemplateError) -> Expression {
    let line = advance().line
    var items: [Expression] = []
    while !isSymbol(.rightBracket) {
      items.append(try parseExpression())
      guard skip(.comma) else { break }
    }
    try expect(.rightBracket)
    return try make(.list(items), line: line, above: items.map(\.height).max() ?? 0)
  }

  private mutating func parseDictionary() throws(ChatTemplateError) -> Expression {
    let line = advance().line
    var entries: [(key: Expression, value: Expression)] = []
    var height = 0
    while !isSymbol(.rightBrace) {
      let key = try parseExpression()
      try expect(.colon)
      let value = try parseExpression()
      height = max(height, key.height, value.height)
      entries.append((key, value))
      guard skip(.comma) else { break }
    }
    try expect(.rightBrace)
    return try make(.dictionary(entries), line: line, above: height)
  }
}
