/// The key-value pairs of a GGUF file, in file order.
///
/// In a split model these are the first part's. Look-up is by hash; `Metadata+Typed.swift` has the typed accessors.
package struct Metadata: Sendable {
  /// The longest key that is accepted, in bytes; the limit of the GGUF specification.
  static let keyLimit = 65_535

  /// Named in the errors of the typed accessors.
  let file: String
  package private(set) var keys: [String] = []
  private var values: [String: MetadataValue] = [:]

  init(file: String) {
    self.file = file
  }

  package subscript(key: String) -> MetadataValue? { values[key] }

  package var count: Int { keys.count }

  /// Returns false, and changes nothing, if the key is already there.
  mutating func add(_ key: String, _ value: MetadataValue) -> Bool {
    guard values.updateValue(value, forKey: key) == nil else { return false }
    keys.append(key)
    return true
  }

  /// Reads `count` pairs.
  init(_ reader: inout ByteReader, count: UInt64) throws(GGUFError) {
    self.init(file: reader.file.path)
    // The shortest pair: a key of one byte behind its length, a type, a value of one byte.
    try reader.require(count, of: 8 + 1 + 4 + 1, at: .header)
    for index in 0..<Int(count) {
      let key = try reader.name(limit: Metadata.keyLimit, at: .key(index: index))
      // Before the value is read, so that it is not read in vain.
      guard values[key] == nil else { throw .duplicateKey(file: file, key: key) }
      _ = add(key, try MetadataValue(&reader, key: key))
    }
  }
}

/// For tests and for writing: metadata that come from no file. A repeated key is a bug and traps.
extension Metadata: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral elements: (String, MetadataValue)...) {
    self.init(file: "memory")
    for (key, value) in elements {
      precondition(add(key, value), "\(key) appears twice")
    }
  }
}
