// Filters that apply a filter or a test to each item. They give generators, as in Jinja.
extension Filters {
  @Sendable
  static func items(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    switch value {
    case .undefined: return .iterator(RuntimeIterator([]))
    case .map(let map):
      try interpreter.charge(map.count)
      return .iterator(RuntimeIterator(MapView(kind: .items, map: map).elements))
    default: throw interpreter.invalid("'items' needs a mapping, not a \(value.typeName)")
    }
  }

  @Sendable
  static func map(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    guard value.isTrue else { return .iterator(RuntimeIterator([])) }
    let items = try interpreter.elements(of: value)
    try interpreter.chargeList(items.count)
    var mapped: [RuntimeValue] = []
    if arguments.positional.isEmpty, let attribute = arguments.named.first(where: { $0.name == "attribute" })
    {
      let path = try AttributePath(attribute.value, interpreter)
      var fallback: RuntimeValue?
      for (name, value) in arguments.named where name != "attribute" {
        guard name == "default" else { throw interpreter.invalid("'map' has no argument '\(name)'") }
        fallback = value.isNone ? nil : value
      }
      for item in items { mapped.append(try path.value(of: item, interpreter, defaultValue: fallback)) }
    } else {
      guard let name = arguments.positional.first?.text else {
        throw interpreter.invalid("'map' needs a filter's name")
      }
      let rest = Arguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
      for item in items { mapped.append(try interpreter.apply(filter: name, to: item, rest)) }
    }
    return try interpreter.checked(.iterator(RuntimeIterator(mapped)))
  }

  @Sendable
  static func select(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    try filtered(interpreter, value, arguments, byAttribute: false, keeps: true)
  }

  @Sendable
  static func reject(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    try filtered(interpreter, value, arguments, byAttribute: false, keeps: false)
  }

  @Sendable
  static func selectattr(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    try filtered(interpreter, value, arguments, byAttribute: true, keeps: true)
  }

  @Sendable
  static func rejectattr(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    try filtered(interpreter, value, arguments, byAttribute: true, keeps: false)
  }

  private static func filtered(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: Arguments, byAttribute: Bool, keeps: Bool
  ) throws(ChatTemplateError) -> RuntimeValue {
    guard value.isTrue else { return .iterator(RuntimeIterator([])) }
    var rest = arguments
    var path: AttributePath?
    if byAttribute {
      guard let attribute = rest.positional.first else {
        throw interpreter.invalid("an attribute's name is missing")
      }
      path = try AttributePath(attribute, interpreter)
      rest.positional.removeFirst()
    }
    let items = try interpreter.elements(of: value)
    try interpreter.chargeList(items.count)
    var test: (name: String, test: ValueTest)?
    if let name = rest.positional.first {
      let name = try interpreter.string(name, of: "select")
      rest.positional.removeFirst()
      if let found = ValueTest.table[name] {
        test = (name, found)
      } else if !items.isEmpty {
        throw .unknownTest(line: interpreter.line, name: name)
      }
    }
    var kept: [RuntimeValue] = []
    for item in items {
      let subject = try path?.value(of: item, interpreter) ?? item
      let holds = try test?.test.apply(interpreter, name: test?.name ?? "", subject, rest) ?? subject.isTrue
      if holds == keeps { kept.append(item) }
    }
    return .iterator(RuntimeIterator(kept))
  }
}
