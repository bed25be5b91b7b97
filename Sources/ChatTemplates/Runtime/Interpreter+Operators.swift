extension Interpreter {
  func calculate(
    _ operation: BinaryOperator, _ left: RuntimeValue, _ right: RuntimeValue
  ) throws(ChatTemplateError) -> RuntimeValue {
    switch (operation, left, right) {
    case (.add, .string(let first), .string(let second)):
      try chargeText(first.utf8.count + second.utf8.count)
      return .string(first + second)
    case (.modulo, .string(let format), let values):
      // A format takes any right operand, an undefined one too.
      return .string(try percentFormat(format, values))
    case (.modulo, .markup, _): throw unsupported("'%' on safe text")
    default: break
    }
    try requireDefined(left)
    try requireDefined(right)
    if let first = left.integer, let second = right.integer { return try calculate(operation, first, second) }
    if let first = left.number, let second = right.number { return try calculate(operation, first, second) }
    switch operation {
    case .add: if let sum = try concatenate(left, right) { return sum }
    case .multiply: if let product = try repeated(left, right) { return product }
    default: break
    }
    throw invalid("'\(operation.rawValue)' does not apply to a \(left.typeName) and a \(right.typeName)")
  }

  private func concatenate(_ left: RuntimeValue, _ right: RuntimeValue) throws(ChatTemplateError)
    -> RuntimeValue?
  {
    switch (left, right) {
    case (.list(let first), .list(let second)):
      try chargeList(first.items.count + second.items.count)
      return .list(first.items + second.items)
    case (.tuple(let first), .tuple(let second)):
      try chargeList(first.items.count + second.items.count)
      return .tuple(first.items + second.items)
    default:
      guard let first = left.text, let second = right.text else { return nil }
      // One of the two is safe text: the other is escaped.
      try chargeText(6 * (first.utf8.count + second.utf8.count))
      return .markup(try escaped(left) + (try escaped(right)))
    }
  }

  private func repeated(_ left: RuntimeValue, _ right: RuntimeValue) throws(ChatTemplateError)
    -> RuntimeValue?
  {
    guard let times = (left.integer ?? right.integer).map({ max(0, $0) }) else { return nil }
    let value = left.integer == nil ? left : right
    switch value {
    case .string(let text), .markup(let text):
      let (bytes, overflows) = text.utf8.count.multipliedReportingOverflow(by: times)
      try chargeText(overflows ? .max : bytes)
      return rewrapped(text.isEmpty ? "" : String(repeating: text, count: times), like: value)
    case .list(let list), .tuple(let list):
      let (count, overflows) = list.items.count.multipliedReportingOverflow(by: times)
      try chargeList(overflows ? .max - 1 : count)
      var items: [RuntimeValue] = []
      if !list.items.isEmpty { for _ in 0..<times { items += list.items } }
      if case .list = value { return .list(items) }
      return .tuple(items)
    default: return nil
    }
  }

  // MARK: Numbers

  private func calculate(_ operation: BinaryOperator, _ left: Int, _ right: Int) throws(ChatTemplateError)
    -> RuntimeValue
  {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case .add: result = left.addingReportingOverflow(right)
    case .subtract: result = left.subtractingReportingOverflow(right)
    case .multiply: result = left.multipliedReportingOverflow(by: right)
    case .divide: return try calculate(operation, Double(left), Double(right))
    case .floorDivide, .modulo:
      guard right != 0 else { throw invalid("division by zero") }
      let (quotient, overflow) = left.dividedReportingOverflow(by: right)
      if overflow {
        guard operation == .modulo else { throw self.overflow("'//'") }
        return .int(0)
      }
      let remainder = left - quotient * right
      // Python rounds towards minus infinity: the remainder has the divisor's sign.
      let adjusts = remainder != 0 && (remainder < 0) != (right < 0)
      if operation == .modulo { return .int(adjusts ? remainder + right : remainder) }
      return .int(adjusts ? quotient - 1 : quotient)
    case .power:
      guard right >= 0 else { return try calculate(operation, Double(left), Double(right)) }
      result = power(left, right)
    }
    guard !result.overflow else { throw overflow("'\(operation.rawValue)'") }
    return .int(result.partialValue)
  }

  private func power(_ base: Int, _ exponent: Int) -> (partialValue: Int, overflow: Bool) {
    if base == 0 || base == 1 { return (exponent == 0 ? 1 : base, false) }
    if base == -1 { return (exponent.isMultiple(of: 2) ? 1 : -1, false) }
    guard exponent < 64 else { return (0, true) }
    var value = 1
    for _ in 0..<exponent {
      let (next, overflow) = value.multipliedReportingOverflow(by: base)
      if overflow { return (0, true) }
      value = next
    }
    return (value, false)
  }

  private func calculate(
    _ operation: BinaryOperator, _ left: Double, _ right: Double
  ) throws(ChatTemplateError) -> RuntimeValue {
    switch operation {
    case .add: return .double(left + right)
    case .subtract: return .double(left - right)
    case .multiply: return .double(left * right)
    case .divide:
      guard right != 0 else { throw invalid("division by zero") }
      return .double(left / right)
    case .floorDivide, .modulo:
      guard right != 0 else { throw invalid("division by zero") }
      // As CPython's float_divmod: the remainder has the divisor's sign, and the quotient is whole.
      var remainder = left.truncatingRemainder(dividingBy: right)
      var quotient = (left - remainder) / right
      if remainder != 0 {
        if (right < 0) != (remainder < 0) {
          remainder += right
          quotient -= 1
        }
      } else {
        remainder = Double(signOf: right, magnitudeOf: 0)
      }
      if operation == .modulo { return .double(remainder) }
      guard quotient != 0 else { return .double(Double(signOf: left / right, magnitudeOf: 0)) }
      var whole = quotient.rounded(.down)
      if quotient - whole > 0.5 { whole += 1 }
      return .double(whole)
    case .power:
      guard left != 0 || right >= 0 else { throw invalid("zero cannot be raised to a negative power") }
      guard left >= 0 || right == right.rounded() || !left.isFinite || !right.isFinite else {
        throw unsupported("a complex number")
      }
      let result = realPower(left, right)
      guard result.isFinite || !left.isFinite || !right.isFinite else {
        throw invalid("the power is too large")
      }
      return .double(result)
    }
  }

  func sign(_ value: RuntimeValue, negates: Bool) throws(ChatTemplateError) -> RuntimeValue {
    try requireDefined(value)
    if let integer = value.integer {
      guard negates else { return .int(integer) }
      let (result, overflow) = (0).subtractingReportingOverflow(integer)
      guard !overflow else { throw self.overflow("'-'") }
      return .int(result)
    }
    guard case .double(let number) = value else { throw invalid("a \(value.typeName) has no sign") }
    return .double(negates ? -number : number)
  }
}
