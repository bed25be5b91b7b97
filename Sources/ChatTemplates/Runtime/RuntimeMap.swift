/// A text as a key: equal by code points.
struct TextKey: Hashable {
  var text: String

  static func == (left: TextKey, right: TextKey) -> Bool { left.text.isSame(as: right.text) }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

/// What Python compares when a value is a key: `1`, `1.0` and `True` are one key.
enum HashKey: Hashable {
  case none, undefined
  case int(Int)
  case double(Double)
  case text(TextKey)
  case tuple([HashKey])
  case range(start: Int, step: Int, count: Int)
  case builtin(Builtin)
  case object(ObjectIdentifier)
}

/// A Python `dict`: keys in order of insertion. Filled once, then constant.
///
/// Small maps, such as messages, are searched in order; larger ones through an index.
final class RuntimeMap {
  private(set) var keys: [RuntimeValue] = []
  private(set) var values: [RuntimeValue] = []
  private(set) var depth = 1
  private var hashKeys: [HashKey] = []
  private var index: [HashKey: Int] = [:]
  private static let indexedFrom = 9

  var count: Int { keys.count }

  init() {}

  /// - Complexity: O(1) on average.
  func set(_ key: RuntimeValue, hash: HashKey, to value: RuntimeValue) {
    depth = max(depth, key.depth + 1, value.depth + 1)
    if let place = place(of: hash) {
      values[place] = value
      return
    }
    keys.append(key)
    values.append(value)
    hashKeys.append(hash)
    if keys.count == Self.indexedFrom {
      for (place, hash) in hashKeys.enumerated() { index[hash] = place }
    } else if keys.count > Self.indexedFrom {
      index[hash] = keys.count - 1
    }
  }

  func set(_ key: String, to value: RuntimeValue) {
    set(.string(key), hash: .text(TextKey(text: key)), to: value)
  }

  func value(of hash: HashKey) -> RuntimeValue? {
    place(of: hash).map { values[$0] }
  }

  func value(ofText key: String) -> RuntimeValue? {
    value(of: .text(TextKey(text: key)))
  }

  func copy() -> RuntimeMap {
    let copy = RuntimeMap()
    (copy.keys, copy.values, copy.depth) = (keys, values, depth)
    (copy.hashKeys, copy.index) = (hashKeys, index)
    return copy
  }

  private func place(of hash: HashKey) -> Int? {
    keys.count < Self.indexedFrom ? hashKeys.firstIndex(of: hash) : index[hash]
  }
}
