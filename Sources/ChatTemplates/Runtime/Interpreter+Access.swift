// `value.name`, `value[key]`, slices, and walking over a value.
extension Interpreter {
  /// `value.name`: an attribute of the Python type, else the item of that name, else undefined.
  func attribute(_ name: String, of value: RuntimeValue) throws(ChatTemplateError) -> RuntimeValue {
    if let found = try ownAttribute(name, of: value) { return found }
    if case .map(let map) = value, let item = map.value(ofText: name) { return item }
    return .undefined(.attribute(name, type: value.typeName))
  }

  /// `value[key]`: an item, else (for a string) an attribute of the Python type, else undefined.
  func item(_ key: RuntimeValue, of value: RuntimeValue) throws(ChatTemplateError) -> RuntimeValue {
    switch value {
    case .undefined(let reason): throw undefinedError(reason)
    case .map(let map):
      if case .string(let text) = key {
        if let found = map.value(ofText: text) { return found }
      } else if let hash = try? hashKey(key), let found = map.value(of: hash) {
        return found
      }
    case .list(let list), .tuple(let list):
      if let index = key.integer, let place = place(index, count: list.items.count) {
        return list.items[place]
      }
    case .string(let text), .markup(let text):
      if let index = key.integer {
        try charge(text.utf8.count / 16)
        let view = text.unicodeScalars
        if let place = place(index, count: view.count) {
          let character = String(Character(view[view.index(view.startIndex, offsetBy: place)]))
          return rewrapped(character, like: value)
        }
      }
    case .range(let range):
      if let index = key.integer, let place = place(index, count: range.count) { return .int(range[place]) }
    default: break
    }
    guard let name = key.text else { return .undefined(.item(type: value.typeName)) }
    return try ownAttribute(name, of: value) ?? .undefined(.attribute(name, type: value.typeName))
  }

  private func place(_ index: Int, count: Int) -> Int? {
    let place = index < 0 ? index + count : index
    return place >= 0 && place < count ? place : nil
  }

  /// Text of the same kind as `value`: a method of safe text gives safe text.
  func rewrapped(_ text: String, like value: RuntimeValue) -> RuntimeValue {
    if case .markup = value { .markup(text) } else { .string(text) }
  }

  private func ownAttribute(_ name: String, of value: RuntimeValue) throws(ChatTemplateError) -> RuntimeValue?
  {
    switch value {
    case .undefined(let reason): throw undefinedError(reason)
    case .namespace(let namespace): return namespace.attributes.value(ofText: name)
    case .loop(let loop): return loopAttribute(name, of: loop) ?? hidden(name, in: value)
    case .macro(let macro) where name == "name": return .string(macro.definition.name)
    case .macro(let macro) where name == "arguments":
      return .tuple(macro.definition.parameters.map { .string($0.name) })
    case .tuple(let list):
      if let place = list.labels.firstIndex(of: name) { return list.items[place] }
    case .cycler(let cycler) where name == "current": return cycler.items.items[cycler.position]
    default: break
    }
    guard let methods = MethodTable.methods(of: value) else { return hidden(name, in: value) }
    if methods.allowed.contains(name) { return .method(BoundMethod(receiver: value, name: name)) }
    if methods.forbidden.contains(name) { return .undefined(.forbidden(name, type: value.typeName)) }
    if methods.leftOut.contains(name) { throw unsupported("'\(name)' of a \(value.typeName)") }
    return hidden(name, in: value)
  }

  /// Python's own attributes exist but the sandbox hides them.
  private func hidden(_ name: String, in value: RuntimeValue) -> RuntimeValue? {
    MethodTable.internals.contains(name) ? .undefined(.forbidden(name, type: value.typeName)) : nil
  }

  private func loopAttribute(_ name: String, of loop: LoopState) -> RuntimeValue? {
    let count = loop.items.count
    switch name {
    case "index": return .int(loop.index + 1)
    case "index0": return .int(loop.index)
    case "revindex": return .int(count - loop.index)
    case "revindex0": return .int(count - loop.index - 1)
    case "first": return .bool(loop.index == 0)
    case "last": return .bool(loop.index == count - 1)
    case "length": return .int(count)
    case "depth": return .int(1)
    case "depth0": return .int(0)
    case "previtem":
      return loop.index > 0 ? loop.items[loop.index - 1] : .undefined(.note("there is no previous item"))
    case "nextitem":
      return loop.index + 1 < count ? loop.items[loop.index + 1] : .undefined(.note("there is no next item"))
    case "cycle", "changed": return .method(BoundMethod(receiver: .loop(loop), name: name))
    default: return nil
    }
  }

  // MARK: Walking

  /// The values a `for` would walk over. Takes what is left of a generator.
  func elements(of value: RuntimeValue) throws(ChatTemplateError) -> [RuntimeValue] {
    switch value {
    case .undefined: return []
    case .list(let list), .tuple(let list): return list.items
    case .map(let map): return map.keys
    case .string(let text), .markup(let text):
      let view = text.unicodeScalars
      try chargeList(view.count)
      return view.map { .string(String(Character($0))) }
    case .view(let view):
      try charge(view.map.count)
      return view.elements
    case .range(let range):
      try charge(range.count)
      return range.elements
    case .iterator(let iterator): return iterator.takeAll()
    default: throw invalid("a \(value.typeName) cannot be walked over")
    }
  }

  /// Python's `len`.
  func length(of value: RuntimeValue) throws(ChatTemplateError) -> Int {
    switch value {
    case .undefined: return 0
    case .list(let list), .tuple(let list): return list.items.count
    case .map(let map): return map.count
    case .view(let view): return view.map.count
    case .range(let range): return range.count
    case .loop(let loop): return loop.items.count
    case .string(let text), .markup(let text):
      try charge(text.utf8.count / 16)
      return text.unicodeScalars.count
    default: throw invalid("a \(value.typeName) has no length")
    }
  }

  // MARK: Slices

  func sliceBound(_ value: RuntimeValue) throws(ChatTemplateError) -> Int? {
    if value.isNone { return nil }
    try requireDefined(value)
    guard let bound = value.integer else { throw invalid("a slice needs integers, not a \(value.typeName)") }
    return bound
  }

  func slice(
    _ value: RuntimeValue, start: Int?, stop: Int?, step: Int?
  ) throws(ChatTemplateError) -> RuntimeValue {
    try requireDefined(value)
    let step = step ?? 1
    guard step != 0 else { throw invalid("the step of a slice must not be zero") }
    switch value {
    case .list(let list):
      return .list(try pick(list.items, start, stop, step))
    case .tuple(let list):
      return .tuple(try pick(list.items, start, stop, step))
    case .string(let text), .markup(let text):
      try charge(text.utf8.count / 4)
      let scalars = Array(text.unicodeScalars)
      return rewrapped(String(scalars: try pick(scalars, start, stop, step)), like: value)
    case .range(let range):
      let picked = try pick(range.elements, start, stop, step)
      let bounds = sliceBounds(range.count, start, stop, step)
      // Indices lie within -1…count, so the products stay within one stride of the range.
      let (first, firstOverflows) = range.step.multipliedReportingOverflow(by: bounds.first)
      let (stride, strideOverflows) = range.step.multipliedReportingOverflow(by: step)
      let (last, lastOverflows) = range.step.multipliedReportingOverflow(by: bounds.end)
      guard !firstOverflows, !strideOverflows, !lastOverflows else { throw overflow("a slice of a range") }
      return .range(
        RuntimeRange(
          start: range.start &+ first, step: stride, count: picked.count, stop: range.start &+ last))
    default: throw invalid("a \(value.typeName) cannot be sliced")
    }
  }

  private func sliceBounds(_ count: Int, _ start: Int?, _ stop: Int?, _ step: Int) -> (first: Int, end: Int) {
    func clamp(_ bound: Int) -> Int {
      let place = bound < 0 ? bound + count : bound
      return step > 0 ? min(max(place, 0), count) : min(max(place, -1), count - 1)
    }
    return (start.map(clamp) ?? (step > 0 ? 0 : count - 1), stop.map(clamp) ?? (step > 0 ? count : -1))
  }

  private func pick<Element>(
    _ items: [Element], _ start: Int?, _ stop: Int?, _ step: Int
  ) throws(ChatTemplateError) -> [Element] {
    let (first, end) = sliceBounds(items.count, start, stop, step)
    if step == 1 {
      guard first < end else { return [] }
      try charge(end - first)
      return Array(items[first..<end])
    }
    var picked: [Element] = []
    var index = first
    while step > 0 ? index < end : index > end {
      try charge()
      picked.append(items[index])
      let (next, overflows) = index.addingReportingOverflow(step)
      if overflows { break }
      index = next
    }
    return picked
  }
}
