import GGUF

extension MetadataValue {
  /// The value as text, a long one cut: `[0, 0, 0, … 49152 values]`.
  var excerpt: String {
    switch self {
    case .uint8(let number): "\(number)"
    case .int8(let number): "\(number)"
    case .uint16(let number): "\(number)"
    case .int16(let number): "\(number)"
    case .uint32(let number): "\(number)"
    case .int32(let number): "\(number)"
    case .uint64(let number): "\(number)"
    case .int64(let number): "\(number)"
    case .float32(let number): "\(number)"
    case .float64(let number): "\(number)"
    case .bool(let flag): "\(flag)"
    case .string(let text): text.cut(to: 200)
    case .array(let array): array.excerpt
    }
  }
}

extension MetadataArray {
  fileprivate var excerpt: String {
    switch self {
    case .uint8(let elements): list(elements)
    case .int8(let elements): list(elements)
    case .uint16(let elements): list(elements)
    case .int16(let elements): list(elements)
    case .uint32(let elements): list(elements)
    case .int32(let elements): list(elements)
    case .uint64(let elements): list(elements)
    case .int64(let elements): list(elements)
    case .float32(let elements): list(elements)
    case .float64(let elements): list(elements)
    case .bool(let elements): list(elements)
    case .string(let elements): list(elements) { "\"\($0.cut(to: 40))\"" }
    case .array(let elements): list(elements) { "[\($0.count) values]" }
    }
  }

  private func list<T>(_ elements: [T], _ text: (T) -> String = { "\($0)" }) -> String {
    let shown = elements.prefix(8).map(text).joined(separator: ", ")
    return elements.count > 8 ? "[\(shown), … \(elements.count) values]" : "[\(shown)]"
  }
}

extension String {
  /// At most `count` scalars: a character may have any number of them.
  fileprivate func cut(to count: Int) -> String {
    guard unicodeScalars.count > count else { return self }
    var text = String(String.UnicodeScalarView(unicodeScalars.prefix(count)))
    text.append("…")
    return text
  }
}
