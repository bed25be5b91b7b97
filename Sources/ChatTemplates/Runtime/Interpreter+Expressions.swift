// One function for each kind of node, out of line: the recursion's stack frames stay small.
extension Interpreter {
  func evaluate(_ expression: Expression) throws(ChatTemplateError) -> RuntimeValue {
    line = expression.line
    try charge()
    switch expression.kind {
    case .none: return .none
    case .bool(let value): return .bool(value)
    case .integer(let value): return .int(value)
    case .float(let value): return .double(value)
    case .text(let text): return .string(text)
    case .name(let name): return scope.lookUp(name) ?? .undefined(.variable(name))
    default: return try evaluateNode(expression)
    }
  }

  @inline(never)
  private func evaluateNode(_ expression: Expression) throws(ChatTemplateError) -> RuntimeValue {
    try descend()
    defer { ascend() }
    let line = expression.line
    switch expression.kind {
    case .attribute(let object, let name):
      let value = try evaluate(object)
      self.line = line
      return try attribute(name, of: value)
    case .item(let object, let key): return try evaluateItem(object, key, line: line)
    case .binary(let operation, let left, let right):
      return try evaluateBinary(operation, left, right, line: line)
    case .and(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? try evaluate(right) : value
    case .or(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? value : try evaluate(right)
    case .not(let operand): return .bool(!(try evaluate(operand).isTrue))
    case .conditional(let value, let condition, let otherwise):
      return try evaluateConditional(value, condition, otherwise)
    case .comparison(let first, let operands): return try evaluateComparison(first, operands, line: line)
    case .concatenation(let parts): return try evaluateConcatenation(parts, line: line)
    case .filter(let value, let call): return try apply(call, to: try evaluate(value))
    case .test(let value, let call): return try evaluateTest(value, call)
    case .call(let callee, let list): return try evaluateCall(callee, list, line: line)
    default: return try evaluateRest(expression)
    }
  }

  @inline(never)
  private func evaluateRest(_ expression: Expression) throws(ChatTemplateError) -> RuntimeValue {
    let line = expression.line
    switch expression.kind {
    case .list(let items): return try checked(.list(try evaluate(items)))
    case .tuple(let items): return try checked(.tuple(try evaluate(items)))
    case .dictionary(let entries): return try evaluateDictionary(entries, line: line)
    case .slice(let object, let start, let stop, let step):
      let value = try evaluate(object)
      let bounds = try [start, stop, step].map { (bound) throws(ChatTemplateError) -> Int? in
        try bound.map { (bound) throws(ChatTemplateError) in try evaluate(bound) }.flatMap {
          (value) throws(ChatTemplateError) in try sliceBound(value)
        }
      }
      self.line = line
      return try slice(value, start: bounds[0], stop: bounds[1], step: bounds[2])
    case .negate(let operand): return try sign(try evaluate(operand), negates: true)
    case .plus(let operand): return try sign(try evaluate(operand), negates: false)
    default: return .none
    }
  }

  private func evaluate(_ expressions: [Expression]) throws(ChatTemplateError) -> [RuntimeValue] {
    var values: [RuntimeValue] = []
    values.reserveCapacity(expressions.count)
    for expression in expressions { values.append(try evaluate(expression)) }
    return values
  }

  @inline(never)
  private func evaluateItem(
    _ object: Expression, _ key: Expression, line: Int
  ) throws(ChatTemplateError) -> RuntimeValue {
    let value = try evaluate(object)
    let key = try evaluate(key)
    self.line = line
    return try item(key, of: value)
  }

  @inline(never)
  private func evaluateBinary(
    _ operation: BinaryOperator, _ left: Expression, _ right: Expression, line: Int
  ) throws(ChatTemplateError) -> RuntimeValue {
    let left = try evaluate(left)
    let right = try evaluate(right)
    self.line = line
    return try checked(try calculate(operation, left, right))
  }

  @inline(never)
  private func evaluateConditional(
    _ value: Expression, _ condition: Expression, _ otherwise: Expression?
  ) throws(ChatTemplateError) -> RuntimeValue {
    if try evaluate(condition).isTrue { return try evaluate(value) }
    guard let otherwise else {
      return .undefined(.note("the inline 'if' was false and has no 'else'"))
    }
    return try evaluate(otherwise)
  }

  @inline(never)
  private func evaluateComparison(
    _ first: Expression, _ operands: [(ComparisonOperator, Expression)], line: Int
  ) throws(ChatTemplateError) -> RuntimeValue {
    var left = try evaluate(first)
    for (operation, operand) in operands {
      let right = try evaluate(operand)
      self.line = line
      guard try compare(operation, left, right) else { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  @inline(never)
  private func evaluateConcatenation(_ parts: [Expression], line: Int) throws(ChatTemplateError)
    -> RuntimeValue
  {
    var text = ""
    for part in parts {
      let piece = try display(try evaluate(part))
      self.line = line
      try chargeText(text.utf8.count + piece.utf8.count)
      text += piece
    }
    return .string(text)
  }

  @inline(never)
  private func evaluateTest(_ value: Expression, _ call: FilterCall) throws(ChatTemplateError) -> RuntimeValue
  {
    guard let test = ValueTest.table[call.name] else { throw .unknownTest(line: call.line, name: call.name) }
    let value = try evaluate(value)
    let arguments = try evaluate(call.arguments)
    line = call.line
    return .bool(try test.apply(self, name: call.name, value, arguments))
  }

  @inline(never)
  private func evaluateCall(
    _ callee: Expression, _ list: ArgumentList, line: Int
  ) throws(ChatTemplateError) -> RuntimeValue {
    let function = try evaluate(callee)
    let arguments = try evaluate(list)
    self.line = line
    return try checked(try call(function, arguments))
  }

  @inline(never)
  private func evaluateDictionary(
    _ entries: [(key: Expression, value: Expression)], line: Int
  ) throws(ChatTemplateError) -> RuntimeValue {
    let map = RuntimeMap()
    for entry in entries {
      let key = try evaluate(entry.key)
      let value = try evaluate(entry.value)
      self.line = line
      map.set(key, hash: try hashKey(key), to: value)
    }
    return try checked(.map(map))
  }

  @inline(never)
  func apply(_ call: FilterCall, to value: RuntimeValue) throws(ChatTemplateError) -> RuntimeValue {
    let arguments = try evaluate(call.arguments)
    line = call.line
    return try apply(filter: call.name, to: value, arguments)
  }

  func apply(
    filter name: String, to value: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    guard let filter = Filter.table[name] else { throw Filter.absence(of: name, line: line) }
    return try checked(try filter.apply(self, name: name, value, arguments))
  }

  func evaluate(_ list: ArgumentList) throws(ChatTemplateError) -> Arguments {
    var arguments = Arguments()
    for expression in list.positional { arguments.positional.append(try evaluate(expression)) }
    for (name, expression) in list.named { arguments.named.append((name, try evaluate(expression))) }
    if let spread = list.spread {
      arguments.positional.append(contentsOf: try elements(of: try evaluate(spread)))
    }
    if let spread = list.spreadNamed {
      guard case .map(let map) = try evaluate(spread) else { throw invalid("'**' needs a mapping") }
      for (key, value) in zip(map.keys, map.values) {
        guard let name = key.text else { throw invalid("the keys after '**' must be strings") }
        guard !arguments.named.contains(where: { $0.name == name }) else {
          throw invalid("the argument '\(name)' is given twice")
        }
        arguments.named.append((name, value))
      }
    }
    return arguments
  }
}
