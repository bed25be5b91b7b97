/// A value while a template runs: the Python types a chat template can meet.
///
/// Lists, tuples and mappings never change once made, because the sandbox allows no changes; so only the objects at
/// the end of this list have state.
enum RuntimeValue {
  case undefined(MissingReason)
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  /// Text marked safe. With autoescape off it differs in one way: `+` escapes the other operand.
  case markup(String)
  case list(RuntimeList)
  case tuple(RuntimeList)
  case map(RuntimeMap)
  case view(MapView)
  case range(RuntimeRange)

  /// A generator: it can be walked once.
  case iterator(RuntimeIterator)
  case namespace(Namespace)
  case loop(LoopState)
  case cycler(Cycler)
  case joiner(Joiner)
  case macro(Macro)
  case builtin(Builtin)
  case method(BoundMethod)

  /// Why a value is undefined; the words of the error when it is used.
  indirect enum MissingReason {
    case variable(String)
    case attribute(String, type: String)
    case item(type: String)
    case note(String)
    /// The sandbox hides it: undefined when looked at, an error when used.
    case forbidden(String, type: String)
  }

  static func list(_ items: [RuntimeValue]) -> RuntimeValue { .list(RuntimeList(items)) }
  static func tuple(_ items: [RuntimeValue]) -> RuntimeValue { .tuple(RuntimeList(items)) }

  /// Text, whether marked safe or not.
  var text: String? {
    switch self {
    case .string(let text), .markup(let text): text
    default: nil
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }
  var isNone: Bool { if case .none = self { true } else { false } }

  /// The value as an integer where Python takes one: `True` is 1.
  var integer: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  var number: Double? {
    switch self {
    case .double(let value): value
    default: integer.map { Double($0) }
    }
  }

  /// Python's truth value.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .double(let value): value != 0
    case .string(let text), .markup(let text): !text.isEmpty
    case .list(let list), .tuple(let list): !list.items.isEmpty
    case .map(let map): map.count > 0
    case .view(let view): view.map.count > 0
    case .range(let range): range.count > 0
    case .loop(let loop): !loop.items.isEmpty
    case .iterator, .namespace, .cycler, .joiner, .macro, .builtin, .method: true
    }
  }

  /// Python's name of the type, for messages.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .int: "int"
    case .double: "float"
    case .string: "str"
    case .markup: "Markup"
    case .list: "list"
    case .tuple: "tuple"
    case .map: "dict"
    case .view(let view): view.kind.rawValue
    case .range: "range"
    case .iterator: "generator"
    case .namespace: "Namespace"
    case .loop: "LoopContext"
    case .cycler: "Cycler"
    case .joiner: "Joiner"
    case .macro: "Macro"
    case .builtin: "function"
    case .method: "method"
    }
  }

  /// Levels of containers below this value.
  var depth: Int {
    switch self {
    case .list(let list), .tuple(let list): list.depth
    case .map(let map): map.depth
    case .view(let view): view.map.depth + 1
    case .iterator(let iterator): iterator.depth
    case .method(let method): method.receiver.depth + 1
    case .cycler(let cycler): cycler.items.depth + 1
    default: 0
    }
  }
}

/// The items of a list or a tuple. `labels` name the items of the pairs that `groupby` makes.
final class RuntimeList {
  let items: [RuntimeValue]
  let labels: [String]
  let depth: Int

  init(_ items: [RuntimeValue], labels: [String] = []) {
    self.items = items
    self.labels = labels
    depth = 1 + (items.lazy.map(\.depth).max() ?? 0)
  }
}

/// `dict.keys()`, `.values()`, `.items()`.
struct MapView {
  enum Kind: String {
    case keys = "dict_keys"
    case values = "dict_values"
    case items = "dict_items"
  }

  var kind: Kind
  var map: RuntimeMap

  var elements: [RuntimeValue] {
    switch kind {
    case .keys: map.keys
    case .values: map.values
    case .items: zip(map.keys, map.values).map { .tuple([$0, $1]) }
    }
  }
}

/// `range(start, stop, step)`, at most 100 000 long.
struct RuntimeRange: Equatable {
  var start: Int
  var step: Int
  var count: Int
  var stop: Int

  subscript(index: Int) -> Int { start + index * step }
  var elements: [RuntimeValue] { (0..<count).map { .int(self[$0]) } }
}

/// What is left of a generator.
final class RuntimeIterator {
  private var items: [RuntimeValue]
  let depth: Int

  init(_ items: [RuntimeValue]) {
    self.items = items
    depth = 1 + (items.lazy.map(\.depth).max() ?? 0)
  }

  func takeAll() -> [RuntimeValue] {
    defer { items = [] }
    return items
  }

  func takeFirst() -> RuntimeValue? {
    items.isEmpty ? nil : items.removeFirst()
  }
}
