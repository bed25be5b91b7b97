extension Interpreter {
  func compare(
    _ operation: ComparisonOperator, _ left: RuntimeValue, _ right: RuntimeValue
  ) throws(ChatTemplateError) -> Bool {
    switch operation {
    case .equal: try equals(left, right)
    case .notEqual: !(try equals(left, right))
    case .contained: try contains(left, in: right)
    case .notContained: !(try contains(left, in: right))
    case .less: try order(left, right, "<") { $0 < 0 }
    case .lessOrEqual: try order(left, right, "<=") { $0 <= 0 }
    case .greater: try order(left, right, ">") { $0 > 0 }
    case .greaterOrEqual: try order(left, right, ">=") { $0 >= 0 }
    }
  }

  // MARK: Equality

  func equals(_ left: RuntimeValue, _ right: RuntimeValue) throws(ChatTemplateError) -> Bool {
    try charge()
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.builtin(let first), .builtin(let second)): return first == second
    case (.list(let first), .list(let second)), (.tuple(let first), .tuple(let second)):
      if first === second { return true }
      guard first.items.count == second.items.count else { return false }
      for (one, other) in zip(first.items, second.items) where !(try equals(one, other)) { return false }
      return true
    case (.map(let first), .map(let second)): return try equals(first, second)
    case (.view(let first), .view(let second)): return try equals(first, second)
    case (.range(let first), .range(let second)):
      guard first.count == second.count else { return false }
      return first.count == 0
        || first.start == second.start && (first.count == 1 || first.step == second.step)
    default:
      if let first = left.text, let second = right.text {
        try charge(min(first.utf8.count, second.utf8.count) / 16)
        return first.isSame(as: second)
      }
      if let comparison = compareNumbers(left, right) { return comparison == 0 }
      guard let first = identity(left), let second = identity(right) else { return false }
      return first == second
    }
  }

  private func equals(_ left: RuntimeMap, _ right: RuntimeMap) throws(ChatTemplateError) -> Bool {
    if left === right { return true }
    guard left.count == right.count else { return false }
    for (key, value) in zip(left.keys, left.values) {
      guard let other = right.value(of: try hashKey(key)), try equals(value, other) else { return false }
    }
    return true
  }

  private func equals(_ left: MapView, _ right: MapView) throws(ChatTemplateError) -> Bool {
    // Keys and items compare as sets; values only by identity.
    guard left.kind != .values, right.kind != .values, left.map.count == right.map.count else { return false }
    let other = RuntimeValue.tuple(right.elements)
    for element in left.elements where !(try contains(element, in: other)) { return false }
    return true
  }

  /// The object behind a value that Python compares by identity.
  func identity(_ value: RuntimeValue) -> ObjectIdentifier? {
    switch value {
    case .iterator(let object): ObjectIdentifier(object)
    case .namespace(let object): ObjectIdentifier(object)
    case .loop(let object): ObjectIdentifier(object)
    case .cycler(let object): ObjectIdentifier(object)
    case .joiner(let object): ObjectIdentifier(object)
    case .macro(let object): ObjectIdentifier(object)
    case .method(let object): ObjectIdentifier(object)
    default: nil
    }
  }

  /// Negative, zero or positive; nil when either is no number. NaN is unlike anything.
  private func compareNumbers(_ left: RuntimeValue, _ right: RuntimeValue) -> Int? {
    if let first = left.integer, let second = right.integer {
      return first < second ? -1 : (first > second ? 1 : 0)
    }
    guard let first = left.number, let second = right.number else { return nil }
    // An integer beyond 2^53 is compared exactly, not as the double nearest to it.
    if let integer = left.integer { return compare(integer, second) }
    if let integer = right.integer { return compare(integer, first).map { -$0 } }
    if first == second { return 0 }
    return first < second ? -1 : (first > second ? 1 : Self.unordered)
  }

  private static let unordered = Int.max

  private func compare(_ integer: Int, _ number: Double) -> Int? {
    if number.isNaN { return Self.unordered }
    if number >= 0x1p63 { return -1 }
    if number < -0x1p63 { return 1 }
    let whole = Int(number.rounded(.towardZero))
    if integer != whole { return integer < whole ? -1 : 1 }
    let fraction = number - number.rounded(.towardZero)
    return fraction == 0 ? 0 : (fraction > 0 ? -1 : 1)
  }

  // MARK: Order

  /// Python's `left < right`, as sorting uses it.
  func isLess(_ left: RuntimeValue, _ right: RuntimeValue) throws(ChatTemplateError) -> Bool {
    try compare(.less, left, right)
  }

  private func order(
    _ left: RuntimeValue, _ right: RuntimeValue, _ symbol: String, _ holds: (Int) -> Bool
  ) throws(ChatTemplateError) -> Bool {
    try charge()
    try requireDefined(left)
    try requireDefined(right)
    if let comparison = compareNumbers(left, right) {
      return abs(comparison) != Self.unordered && holds(comparison)
    }
    if let first = left.text, let second = right.text {
      try charge(min(first.utf8.count, second.utf8.count) / 16)
      if first.isSame(as: second) { return holds(0) }
      return holds(first.precedes(second) ? -1 : 1)
    }
    switch (left, right) {
    case (.list(let first), .list(let second)), (.tuple(let first), .tuple(let second)):
      for (one, other) in zip(first.items, second.items) where !(try equals(one, other)) {
        return try order(one, other, symbol, holds)
      }
      return holds(first.items.count - second.items.count)
    default:
      throw invalid("'\(symbol)' does not apply to a \(left.typeName) and a \(right.typeName)")
    }
  }

  // MARK: Membership

  func contains(_ value: RuntimeValue, in container: RuntimeValue) throws(ChatTemplateError) -> Bool {
    switch container {
    case .undefined: return false
    case .string(let text), .markup(let text):
      guard let part = value.text else {
        throw invalid("'in' looks for a string in a string, not for a \(value.typeName)")
      }
      try charge((text.utf8.count + part.utf8.count) / 16)
      return TextSearch(part).firstMatch(in: text) != nil
    case .map(let map): return map.value(of: try hashKey(value)) != nil
    case .view(let view) where view.kind == .keys: return view.map.value(of: try hashKey(value)) != nil
    default:
      for element in try elements(of: container) where try equals(element, value) { return true }
      return false
    }
  }

  /// The value as a key; throws for lists and mappings, which Python cannot hash.
  func hashKey(_ value: RuntimeValue) throws(ChatTemplateError) -> HashKey {
    try charge()
    switch value {
    case .undefined: return .undefined
    case .none: return .none
    case .builtin(let function): return .builtin(function)
    case .string(let text), .markup(let text):
      try charge(text.utf8.count / 16)
      return .text(TextKey(text: text))
    case .double(let number):
      if let integer = Int(exactly: number) { return .int(integer) }
      return .double(number)
    case .tuple(let list):
      var parts: [HashKey] = []
      for item in list.items { parts.append(try hashKey(item)) }
      return .tuple(parts)
    case .range(let range): return .range(start: range.start, step: range.step, count: range.count)
    default:
      if let integer = value.integer { return .int(integer) }
      guard let object = identity(value) else { throw invalid("a \(value.typeName) cannot be a key") }
      return .object(object)
    }
  }
}
