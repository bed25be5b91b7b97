/// A test: `value is name(argument)`. A new one is a line in `table`.
struct ValueTest: Sendable {
  typealias Body =
    @Sendable (Interpreter, RuntimeValue, RuntimeValue) throws(ChatTemplateError) -> Bool

  private let takesArgument: Bool
  private let body: Body

  /// A test of the value alone.
  private init(_ holds: @escaping @Sendable (RuntimeValue) -> Bool) {
    takesArgument = false
    body = { (_, value, _) throws(ChatTemplateError) in holds(value) }
  }

  /// A test that needs the interpreter, and one argument if `takesArgument`.
  private init(takesArgument: Bool, _ body: @escaping Body) {
    self.takesArgument = takesArgument
    self.body = body
  }

  private init(_ operation: ComparisonOperator) {
    self.init(takesArgument: true) { (interpreter, value, other) throws(ChatTemplateError) in
      try interpreter.compare(operation, value, other)
    }
  }

  func apply(
    _ interpreter: Interpreter, name: String, _ value: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> Bool {
    let expected = takesArgument ? 1 : 0
    let values = arguments.positional + arguments.named.map(\.value)
    guard values.count == expected else {
      throw interpreter.invalid("the test '\(name)' takes \(expected) arguments, not \(values.count)")
    }
    return try body(interpreter, value, values.first ?? .none)
  }

  static let table: [String: ValueTest] = [
    "defined": ValueTest { !$0.isUndefined },
    "undefined": ValueTest { $0.isUndefined },
    "none": ValueTest { $0.isNone },
    "boolean": ValueTest { if case .bool = $0 { true } else { false } },
    "true": ValueTest { if case .bool(true) = $0 { true } else { false } },
    "false": ValueTest { if case .bool(false) = $0 { true } else { false } },
    "integer": ValueTest { if case .int = $0 { true } else { false } },
    "float": ValueTest { if case .double = $0 { true } else { false } },
    "number": ValueTest { $0.number != nil },
    "string": ValueTest { $0.text != nil },
    "mapping": ValueTest { if case .map = $0 { true } else { false } },
    "sequence": ValueTest(isSequence),
    "iterable": ValueTest(isIterable),
    "callable": ValueTest(isCallable),
    "escaped": ValueTest { if case .markup = $0 { true } else { false } },
    "lower": ValueTest(takesArgument: false) { (interpreter, value, _) throws(ChatTemplateError) in
      try interpreter.display(value).isPythonLower
    },
    "upper": ValueTest(takesArgument: false) { (interpreter, value, _) throws(ChatTemplateError) in
      try interpreter.display(value).isPythonUpper
    },
    "filter": ValueTest { $0.text.map { Filter.table[$0] != nil } ?? false },
    "test": ValueTest { $0.text.map { ValueTest.exists($0) } ?? false },
    "even": ValueTest(takesArgument: false) { (interpreter, value, _) throws(ChatTemplateError) in
      try remainder(interpreter, value, .int(2), is: 0)
    },
    "odd": ValueTest(takesArgument: false) { (interpreter, value, _) throws(ChatTemplateError) in
      try remainder(interpreter, value, .int(2), is: 1)
    },
    "divisibleby": ValueTest(takesArgument: true) { (interpreter, value, divisor) throws(ChatTemplateError) in
      try remainder(interpreter, value, divisor, is: 0)
    },
    "sameas": ValueTest(takesArgument: true) { (interpreter, value, other) throws(ChatTemplateError) in
      try isSame(interpreter, value, other)
    },
    "in": ValueTest(.contained),
    "==": ValueTest(.equal), "eq": ValueTest(.equal), "equalto": ValueTest(.equal),
    "!=": ValueTest(.notEqual), "ne": ValueTest(.notEqual),
    "<": ValueTest(.less), "lt": ValueTest(.less), "lessthan": ValueTest(.less),
    "<=": ValueTest(.lessOrEqual), "le": ValueTest(.lessOrEqual),
    ">": ValueTest(.greater), "gt": ValueTest(.greater), "greaterthan": ValueTest(.greater),
    ">=": ValueTest(.greaterOrEqual), "ge": ValueTest(.greaterOrEqual),
  ]

  private static func exists(_ name: String) -> Bool { table[name] != nil }

  @Sendable
  private static func isSequence(_ value: RuntimeValue) -> Bool {
    switch value {
    case .string, .markup, .list, .tuple, .map, .range, .undefined: true
    default: false
    }
  }

  @Sendable
  private static func isIterable(_ value: RuntimeValue) -> Bool {
    switch value {
    case .string, .markup, .list, .tuple, .map, .range, .view, .iterator, .undefined, .loop: true
    default: false
    }
  }

  @Sendable
  private static func isCallable(_ value: RuntimeValue) -> Bool {
    switch value {
    case .macro, .builtin, .method, .joiner, .loop, .undefined: true
    default: false
    }
  }

  private static func remainder(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ divisor: RuntimeValue, is expected: Int
  ) throws(ChatTemplateError) -> Bool {
    try interpreter.equals(try interpreter.calculate(.modulo, value, divisor), .int(expected))
  }

  /// Python's `is`: certain for singletons and objects; equal small values of one type count as the same.
  private static func isSame(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ other: RuntimeValue
  ) throws(ChatTemplateError) -> Bool {
    switch (value, other) {
    case (.none, .none): true
    case (.bool(let one), .bool(let two)): one == two
    case (.int(let one), .int(let two)): one == two
    case (.string(let one), .string(let two)): one.isSame(as: two)
    case (.list(let one), .list(let two)), (.tuple(let one), .tuple(let two)): one === two
    case (.map(let one), .map(let two)): one === two
    default: interpreter.identity(value).map { $0 == interpreter.identity(other) } ?? false
    }
  }
}
