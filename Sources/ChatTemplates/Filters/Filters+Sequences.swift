// Filters on anything that can be walked over.
extension Filters {
  @Sendable
  static func length(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    .int(try interpreter.length(of: value))
  }

  @Sendable
  static func first(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let item: RuntimeValue?
    if case .iterator(let iterator) = value {
      item = iterator.takeFirst()
    } else {
      item = try interpreter.elements(of: value).first
    }
    return item ?? .undefined(.note("no first item, the sequence was empty"))
  }

  @Sendable
  static func last(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    if case .iterator = value { throw interpreter.invalid("a generator cannot be walked over backwards") }
    return try interpreter.elements(of: value).last
      ?? .undefined(.note("no last item, the sequence was empty"))
  }

  @Sendable
  static func list(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    .list(try interpreter.elements(of: value))
  }

  @Sendable
  static func join(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    var items = try interpreter.elements(of: value)
    if let attribute = arguments[1], !attribute.isNone {
      let path = try AttributePath(attribute, interpreter)
      for index in items.indices { items[index] = try path.value(of: items[index], interpreter) }
    }
    let separator = try interpreter.display(arguments[0] ?? .string(""))
    return .string(try interpreter.join(items, separator, strict: false))
  }

  /// Text reversed, or a generator over the items from the last to the first.
  @Sendable
  static func reverse(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    if let text = value.text {
      try interpreter.chargeText(text.utf8.count)
      return interpreter.rewrapped(String(scalars: text.unicodeScalars.reversed()), like: value)
    }
    let items = try interpreter.elements(of: value)
    try interpreter.chargeList(items.count)
    // A generator has no reverse walk; Jinja then makes a list.
    if case .iterator = value { return .list(items.reversed()) }
    return .iterator(RuntimeIterator(items.reversed()))
  }

  @Sendable
  static func batch(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let size = try interpreter.integer(arguments[0] ?? .none, of: "batch")
    let items = try interpreter.elements(of: value)
    try interpreter.chargeList(items.count)
    var batches: [RuntimeValue] = []
    var current: [RuntimeValue] = []
    for item in items {
      if current.count == size {
        batches.append(.list(current))
        current = []
      }
      current.append(item)
    }
    if !current.isEmpty {
      if let filler = arguments[1], !filler.isNone, current.count < size {
        try interpreter.chargeList(size)
        current += Array(repeating: filler, count: size - current.count)
      }
      batches.append(.list(current))
    }
    return .iterator(RuntimeIterator(batches))
  }

  @Sendable
  static func slice(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let count = try interpreter.integer(arguments[0] ?? .none, of: "slice")
    guard count != 0 else { throw interpreter.invalid("'slice' cannot make zero slices") }
    let items = try interpreter.elements(of: value)
    try interpreter.chargeList(Swift.max(count, 0))
    try interpreter.chargeList(items.count)
    var slices: [RuntimeValue] = []
    var start = 0
    for index in 0..<Swift.max(count, 0) {
      let isLonger = index < items.count % count
      let end = start + items.count / count + (isLonger ? 1 : 0)
      var slice = Array(items[start..<end])
      if !isLonger, let filler = arguments[1], !filler.isNone { slice.append(filler) }
      slices.append(.list(slice))
      start = end
    }
    return .iterator(RuntimeIterator(slices))
  }

  @Sendable
  static func sum(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    var total = arguments[1] ?? .int(0)
    if total.text != nil { throw interpreter.invalid("'sum' does not join strings; use 'join'") }
    let path = try arguments[0].map { (path) throws(ChatTemplateError) in try AttributePath(path, interpreter)
    }
    for item in try interpreter.elements(of: value) {
      try interpreter.charge()
      total = try interpreter.calculate(.add, total, try path?.value(of: item, interpreter) ?? item)
    }
    return total
  }
}

/// `"a.b.0"`: where a filter's `attribute` argument leads.
struct AttributePath {
  private let parts: [RuntimeValue]

  init(_ attribute: RuntimeValue, _ interpreter: Interpreter) throws(ChatTemplateError) {
    guard let text = attribute.text else {
      parts = attribute.isNone ? [] : [attribute]
      return
    }
    try interpreter.charge(text.utf8.count)
    parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { part in
      let name = String(bytes: part)
      let isIndex = !part.isEmpty && part.allSatisfy { (0x30...0x39).contains($0) }
      return (isIndex ? Int(name).map { .int($0) } : nil) ?? .string(name)
    }
  }

  /// - Parameter defaultValue: replaces what is undefined on the way.
  func value(
    of item: RuntimeValue, _ interpreter: Interpreter, defaultValue: RuntimeValue? = nil
  ) throws(ChatTemplateError) -> RuntimeValue {
    var value = item
    for part in parts {
      try interpreter.charge()
      value = try interpreter.item(part, of: value)
      if value.isUndefined, let defaultValue { value = defaultValue }
    }
    return value
  }
}
