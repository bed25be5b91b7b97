extension Interpreter {
  func call(_ function: RuntimeValue, _ arguments: Arguments) throws(ChatTemplateError) -> RuntimeValue {
    switch function {
    case .macro(let macro): return .string(try call(macro, arguments))
    case .builtin(let builtin): return try call(builtin, arguments)
    case .method(let method): return try call(method, arguments)
    case .joiner(let joiner):
      _ = try arguments.positionalOnly(0...0, of: "joiner", self)
      defer { joiner.isUsed = true }
      return joiner.isUsed ? joiner.separator : .string("")
    case .undefined(let reason): throw undefinedError(reason)
    case .loop: throw unsupported("a recursive 'for'")
    default: throw invalid("a \(function.typeName) cannot be called")
    }
  }

  // MARK: Macros

  private func call(_ macro: Macro, _ arguments: Arguments) throws(ChatTemplateError) -> String {
    for _ in 0..<4 { try descend() }
    defer { for _ in 0..<4 { ascend() } }
    let definition = macro.definition
    let inner = Scope(parent: macro.scope)
    var named = arguments.named
    func take(_ name: String) -> RuntimeValue? {
      guard let index = named.firstIndex(where: { $0.name == name }) else { return nil }
      return named.remove(at: index).value
    }

    var given: [RuntimeValue?] = []
    for (index, parameter) in definition.parameters.enumerated() {
      if index < arguments.positional.count {
        given.append(arguments.positional[index])
      } else {
        given.append(take(parameter.name))
      }
    }
    let declaresCaller = definition.parameters.contains { $0.name == "caller" }
    if definition.usesCaller, !declaresCaller {
      let caller = take("caller")
      inner.values["caller"] = caller?.isNone == false ? caller : .undefined(.note("no caller defined"))
    }
    if definition.usesNamedRest {
      let map = RuntimeMap()
      for (name, value) in named { map.set(name, to: value) }
      inner.values["kwargs"] = try checked(.map(map))
    } else if let extra = named.first {
      throw invalid("the macro '\(definition.name)' has no parameter '\(extra.name)'")
    }
    let rest = arguments.positional.dropFirst(definition.parameters.count)
    if definition.usesPositionalRest {
      inner.values["varargs"] = try checked(.tuple(Array(rest)))
    } else if !rest.isEmpty {
      throw invalid("the macro '\(definition.name)' takes at most \(definition.parameters.count) arguments")
    }

    let callLine = line
    defer { line = callLine }
    return try withScope(inner) { () throws(ChatTemplateError) in
      // A default may read the parameters before it; those after it are undefined until their turn.
      for parameter in definition.parameters {
        inner.values[parameter.name] = .undefined(.note("parameter '\(parameter.name)' was not provided"))
      }
      for (parameter, value) in zip(definition.parameters, given) {
        if let value {
          inner.values[parameter.name] = value
        } else if let expression = parameter.defaultValue {
          inner.values[parameter.name] = try evaluate(expression)
        }
      }
      return try capture { () throws(ChatTemplateError) in try execute(definition.body) }.text
    }
  }

  // MARK: Functions

  private func call(_ builtin: Builtin, _ arguments: Arguments) throws(ChatTemplateError) -> RuntimeValue {
    switch builtin {
    case .range: return .range(try makeRange(arguments))
    case .dict: return .map(try makeMap(arguments, function: "dict"))
    case .namespace: return .namespace(makeNamespace(try makeMap(arguments, function: "namespace")))
    case .cycler:
      guard arguments.named.isEmpty, !arguments.positional.isEmpty else {
        throw invalid("'cycler' needs at least one item")
      }
      return .cycler(Cycler(items: arguments.positional))
    case .joiner:
      let values = try arguments.bound(to: ["sep"], of: "joiner", self)
      return .joiner(Joiner(separator: values[0] ?? .string(", ")))
    case .raiseException:
      let values = try arguments.bound(to: ["message"], required: 1, of: "raise_exception", self)
      throw .raised(line: line, message: try display(values[0] ?? .none))
    case .strftimeNow:
      let values = try arguments.bound(to: ["format"], required: 1, of: "strftime_now", self)
      guard let format = values[0]?.text else { throw invalid("'strftime_now' needs a format string") }
      try chargeText(format.utf8.count * 16)
      guard let text = now().formatted(format) else {
        throw unsupported("the date format '\(format)'")
      }
      return .string(text)
    case .lipsum: throw unsupported("the function 'lipsum'")
    }
  }

  private func makeRange(_ arguments: Arguments) throws(ChatTemplateError) -> RuntimeRange {
    let values = try arguments.positionalOnly(1...3, of: "range", self)
    var bounds: [Int] = []
    for value in values {
      try requireDefined(value)
      guard let bound = value.integer else {
        throw invalid("'range' needs integers, not a \(value.typeName)")
      }
      bounds.append(bound)
    }
    let (start, stop) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
    let step = bounds.count == 3 ? bounds[2] : 1
    guard step != 0 else { throw invalid("the step of a range must not be zero") }
    return try makeRange(start: start, stop: stop, step: step)
  }

  func makeRange(start: Int, stop: Int, step: Int) throws(ChatTemplateError) -> RuntimeRange {
    let isEmpty = step > 0 ? start >= stop : start <= stop
    guard !isEmpty else { return RuntimeRange(start: start, step: step, count: 0, stop: stop) }
    // Distance and stride as unsigned, where neither can overflow.
    let distance = step > 0 ? UInt(bitPattern: stop &- start) : UInt(bitPattern: start &- stop)
    let count = (distance - 1) / step.magnitude + 1
    guard count <= UInt(limits.rangeLength) else { throw limit(.rangeLength, limits.rangeLength) }
    return RuntimeRange(start: start, step: step, count: Int(count), stop: stop)
  }

  /// `dict(…)`: from a mapping or from pairs, then named arguments.
  private func makeMap(_ arguments: Arguments, function: String) throws(ChatTemplateError) -> RuntimeMap {
    guard arguments.positional.count <= 1 else { throw invalid("'\(function)' takes at most one argument") }
    var map = RuntimeMap()
    if let source = arguments.positional.first {
      if case .map(let other) = source {
        try charge(other.count)
        map = other.copy()
      } else {
        for pair in try elements(of: source) {
          let parts = try elements(of: pair)
          guard parts.count == 2 else { throw invalid("'\(function)' needs pairs of key and value") }
          map.set(parts[0], hash: try hashKey(parts[0]), to: parts[1])
        }
      }
    }
    for (name, value) in arguments.named { map.set(name, to: value) }
    _ = try checked(.map(map))
    return map
  }
}
