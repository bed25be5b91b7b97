// Filters that compare. Unless told otherwise they ignore the case of strings.
extension Filters {
  private static func folded(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ isCaseSensitive: RuntimeValue?
  ) throws(ChatTemplateError) -> RuntimeValue {
    guard !(isCaseSensitive?.isTrue ?? false), let text = value.text else { return value }
    try interpreter.chargeText(text.utf8.count)
    return .string(text.pythonLower())
  }

  private static func keys(
    _ interpreter: Interpreter, _ items: [RuntimeValue], attribute: RuntimeValue?,
    isCaseSensitive: RuntimeValue?,
    defaultValue: RuntimeValue? = nil
  ) throws(ChatTemplateError) -> [RuntimeValue] {
    let path = try AttributePath(attribute ?? .none, interpreter)
    var keys: [RuntimeValue] = []
    for item in items {
      let value = try path.value(of: item, interpreter, defaultValue: defaultValue)
      keys.append(try folded(interpreter, value, isCaseSensitive))
    }
    return keys
  }

  @Sendable
  static func sort(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let items = try interpreter.elements(of: value)
    // `attribute="a,b"` sorts by several; each item's key is the list of them.
    let names: [RuntimeValue]
    if let text = arguments[2]?.text {
      names = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        .map { .string(String(bytes: $0)) }
    } else {
      names = [arguments[2] ?? .none]
    }
    var columns: [[RuntimeValue]] = []
    for name in names {
      columns.append(try keys(interpreter, items, attribute: name, isCaseSensitive: arguments[1]))
    }
    let rows = items.indices.map { index in RuntimeValue.list(columns.map { $0[index] }) }
    return .list(try interpreter.sorted(items, keys: rows, reverse: arguments[0]?.isTrue ?? false))
  }

  @Sendable
  static func dictsort(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try interpreter.requireDefined(value)
    guard case .map(let map) = value else { throw interpreter.invalid("'dictsort' needs a mapping") }
    let by = arguments[1]?.text ?? "key"
    guard by == "key" || by == "value" else {
      throw interpreter.invalid("'dictsort' sorts by 'key' or by 'value'")
    }
    var keys: [RuntimeValue] = []
    for key in by == "key" ? map.keys : map.values { keys.append(try folded(interpreter, key, arguments[0])) }
    let pairs = MapView(kind: .items, map: map).elements
    return .list(try interpreter.sorted(pairs, keys: keys, reverse: arguments[2]?.isTrue ?? false))
  }

  @Sendable
  static func groupby(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let items = try interpreter.elements(of: value)
    let fallback = arguments[1].flatMap { $0.isNone ? nil : $0 }
    let keys = try keys(
      interpreter, items, attribute: arguments[0], isCaseSensitive: arguments[2], defaultValue: fallback)
    let order = try interpreter.sorted(Array(items.indices)) { (a, b) throws(ChatTemplateError) in
      try interpreter.isLess(keys[a], keys[b])
    }
    let path = try AttributePath(arguments[0] ?? .none, interpreter)
    var groups: [RuntimeValue] = []
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, try interpreter.equals(keys[order[end]], keys[order[start]]) { end += 1 }
      // The group is named by its first item, in the case it has there.
      let name = try path.value(of: items[order[start]], interpreter, defaultValue: fallback)
      let members = RuntimeValue.list(order[start..<end].map { items[$0] })
      groups.append(.tuple(RuntimeList([name, members], labels: ["grouper", "list"])))
      start = end
    }
    return .list(groups)
  }

  @Sendable
  static func unique(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let items = try interpreter.elements(of: value)
    let keys = try keys(interpreter, items, attribute: arguments[1], isCaseSensitive: arguments[0])
    var seen: Set<HashKey> = []
    var kept: [RuntimeValue] = []
    for (item, key) in zip(items, keys) where seen.insert(try interpreter.hashKey(key)).inserted {
      kept.append(item)
    }
    return .iterator(RuntimeIterator(kept))
  }

  @Sendable
  static func min(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try extreme(interpreter, value, arguments) { (key, best) throws(ChatTemplateError) in
      try interpreter.isLess(key, best)
    }
  }

  @Sendable
  static func max(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try extreme(interpreter, value, arguments) { (key, best) throws(ChatTemplateError) in
      try interpreter.compare(.greater, key, best)
    }
  }

  private static func extreme(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?],
    isBetter: (RuntimeValue, RuntimeValue) throws(ChatTemplateError) -> Bool
  ) throws(ChatTemplateError) -> RuntimeValue {
    let items = try interpreter.elements(of: value)
    let keys = try keys(interpreter, items, attribute: arguments[1], isCaseSensitive: arguments[0])
    guard !items.isEmpty else { return .undefined(.note("no aggregated item, the sequence was empty")) }
    var best = 0
    for index in items.indices.dropFirst() where try isBetter(keys[index], keys[best]) { best = index }
    return items[best]
  }
}
