/// Typed access. Each accessor is nil when the key is absent, and throws when it is there with another type.
///
/// Integers may have any width and sign in the file if the value fits; floats may be 32 or 64 bits wide. Nothing else
/// is converted: a float is not an integer, a bool is not a number.
extension Metadata {
  package func string(_ key: String) throws(GGUFError) -> String? {
    guard let value = self[key] else { return nil }
    guard case .string(let text) = value else { throw wrongType(key, "string", value) }
    return text
  }

  package func bool(_ key: String) throws(GGUFError) -> Bool? {
    guard let value = self[key] else { return nil }
    guard case .bool(let flag) = value else { throw wrongType(key, "bool", value) }
    return flag
  }

  package func int(_ key: String) throws(GGUFError) -> Int? {
    guard let value = self[key] else { return nil }
    switch value {
    case .uint8(let number): return Int(number)
    case .int8(let number): return Int(number)
    case .uint16(let number): return Int(number)
    case .int16(let number): return Int(number)
    case .uint32(let number): return Int(number)
    case .int32(let number): return Int(number)
    case .int64(let number): return Int(number)
    case .uint64(let number): return try fitting(number, key)
    case .float32, .float64, .bool, .string, .array: throw wrongType(key, "integer", value)
    }
  }

  package func float(_ key: String) throws(GGUFError) -> Float? {
    guard let value = self[key] else { return nil }
    switch value {
    case .float32(let number): return number
    case .float64(let number): return try fitting(number, key)
    default: throw wrongType(key, "float", value)
    }
  }

  package func strings(_ key: String) throws(GGUFError) -> [String]? {
    guard let value = self[key] else { return nil }
    guard case .array(.string(let elements)) = value else { throw wrongType(key, "array of string", value) }
    return elements
  }

  package func bools(_ key: String) throws(GGUFError) -> [Bool]? {
    guard let value = self[key] else { return nil }
    guard case .array(.bool(let elements)) = value else { throw wrongType(key, "array of bool", value) }
    return elements
  }

  package func ints(_ key: String) throws(GGUFError) -> [Int]? {
    guard let value = self[key] else { return nil }
    guard case .array(let array) = value else { throw wrongType(key, "array of integer", value) }
    switch array {
    case .uint8(let elements): return elements.map { Int($0) }
    case .int8(let elements): return elements.map { Int($0) }
    case .uint16(let elements): return elements.map { Int($0) }
    case .int16(let elements): return elements.map { Int($0) }
    case .uint32(let elements): return elements.map { Int($0) }
    case .int32(let elements): return elements.map { Int($0) }
    case .int64(let elements): return elements.map { Int($0) }
    case .uint64(let elements):
      return try elements.map { number throws(GGUFError) in try fitting(number, key) }
    case .float32, .float64, .bool, .string, .array: throw wrongType(key, "array of integer", value)
    }
  }

  package func floats(_ key: String) throws(GGUFError) -> [Float]? {
    guard let value = self[key] else { return nil }
    switch value {
    case .array(.float32(let elements)): return elements
    case .array(.float64(let elements)):
      return try elements.map { number throws(GGUFError) in try fitting(number, key) }
    default: throw wrongType(key, "array of float", value)
    }
  }

  private func wrongType(_ key: String, _ expected: String, _ value: MetadataValue) -> GGUFError {
    .wrongType(file: file, key: key, expected: expected, found: value.typeName)
  }

  private func fitting(_ number: UInt64, _ key: String) throws(GGUFError) -> Int {
    guard let fitting = Int(exactly: number) else {
      throw .valueOutOfRange(file: file, key: key, expected: "at most \(Int.max)", found: "\(number)")
    }
    return fitting
  }

  /// Rounds to single precision; throws if a finite number becomes infinite.
  private func fitting(_ number: Double, _ key: String) throws(GGUFError) -> Float {
    let rounded = Float(number)
    guard rounded.isFinite || !number.isFinite else {
      throw .valueOutOfRange(file: file, key: key, expected: "a single-precision float", found: "\(number)")
    }
    return rounded
  }
}

/// The same for keys that must be there.
extension Metadata {
  package func requiredString(_ key: String) throws(GGUFError) -> String {
    try required(string(key), key, "string")
  }

  package func requiredBool(_ key: String) throws(GGUFError) -> Bool {
    try required(bool(key), key, "bool")
  }

  package func requiredInt(_ key: String) throws(GGUFError) -> Int {
    try required(int(key), key, "integer")
  }

  package func requiredFloat(_ key: String) throws(GGUFError) -> Float {
    try required(float(key), key, "float")
  }

  package func requiredStrings(_ key: String) throws(GGUFError) -> [String] {
    try required(strings(key), key, "array of string")
  }

  package func requiredBools(_ key: String) throws(GGUFError) -> [Bool] {
    try required(bools(key), key, "array of bool")
  }

  package func requiredInts(_ key: String) throws(GGUFError) -> [Int] {
    try required(ints(key), key, "array of integer")
  }

  package func requiredFloats(_ key: String) throws(GGUFError) -> [Float] {
    try required(floats(key), key, "array of float")
  }

  private func required<T>(_ value: T?, _ key: String, _ expected: String) throws(GGUFError) -> T {
    guard let value else { throw .missingKey(file: file, key: key, expected: expected) }
    return value
  }
}
