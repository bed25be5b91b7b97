extension Interpreter {
  func call(_ method: BoundMethod, _ arguments: Arguments) throws(ChatTemplateError) -> RuntimeValue {
    switch method.receiver {
    case .string(let text), .markup(let text):
      // Methods look at each character, which costs more than copying it.
      try charge(text.utf8.count / 4)
      return try callTextMethod(method.name, text, like: method.receiver, arguments)
    case .list(let list), .tuple(let list):
      return try callListMethod(method.name, list, of: method.receiver, arguments)
    case .map(let map): return try callMapMethod(method.name, map, arguments)
    case .loop(let loop): return try callLoopMethod(method.name, loop, arguments)
    case .cycler(let cycler):
      _ = try arguments.positionalOnly(0...0, of: method.name, self)
      let current = cycler.items.items[cycler.position]
      cycler.position = method.name == "reset" ? 0 : (cycler.position + 1) % cycler.items.items.count
      return method.name == "reset" ? .none : current
    case .double(let value):
      _ = try arguments.positionalOnly(0...0, of: method.name, self)
      return .bool(value.isFinite && value == value.rounded())
    default: throw unsupported("'\(method.name)' of a \(method.receiver.typeName)")
    }
  }

  private func callListMethod(
    _ name: String, _ list: RuntimeList, of receiver: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    switch name {
    case "copy":
      _ = try arguments.positionalOnly(0...0, of: name, self)
      return receiver
    case "count":
      let wanted = try arguments.positionalOnly(1...1, of: name, self)[0]
      var count = 0
      for item in list.items where try equals(item, wanted) { count += 1 }
      return .int(count)
    default:
      let values = try arguments.positionalOnly(1...3, of: name, self)
      let (start, end) = try bounds(values, of: list.items.count)
      var index = start
      while index < end {
        if try equals(list.items[index], values[0]) { return .int(index) }
        index += 1
      }
      throw invalid("the \(receiver.typeName) does not contain what 'index' looks for")
    }
  }

  /// The optional start and end after a searched value, as indices of a slice.
  func bounds(_ values: [RuntimeValue], of count: Int) throws(ChatTemplateError) -> (start: Int, end: Int) {
    func bound(_ index: Int, _ fallback: Int) throws(ChatTemplateError) -> Int {
      guard index < values.count, let bound = try sliceBound(values[index]) else { return fallback }
      return bound < 0 ? max(0, bound + count) : bound
    }
    return (try bound(1, 0), min(try bound(2, count), count))
  }

  private func callMapMethod(
    _ name: String, _ map: RuntimeMap, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    guard name != "get" else {
      let values = try arguments.positionalOnly(1...2, of: name, self)
      return map.value(of: try hashKey(values[0])) ?? (values.count > 1 ? values[1] : .none)
    }
    _ = try arguments.positionalOnly(0...0, of: name, self)
    switch name {
    case "keys": return .view(MapView(kind: .keys, map: map))
    case "values": return .view(MapView(kind: .values, map: map))
    case "items": return .view(MapView(kind: .items, map: map))
    default: return .map(map)
    }
  }

  private func callLoopMethod(
    _ name: String, _ loop: LoopState, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    guard arguments.named.isEmpty else { throw invalid("'\(name)' takes no named arguments") }
    if name == "cycle" {
      guard !arguments.positional.isEmpty else { throw invalid("'cycle' needs at least one item") }
      return arguments.positional[loop.index % arguments.positional.count]
    }
    if let last = loop.lastChanged, try equals(.tuple(last), .tuple(arguments.positional)) {
      return .bool(false)
    }
    // The loop would hold itself through its own value: keep only values that cannot.
    for value in arguments.positional {
      if case .loop = value { throw unsupported("'changed' of a loop") }
      _ = try checked(value)
    }
    loop.lastChanged = arguments.positional
    return .bool(true)
  }
}
