extension MetadataKind {
  init(_ reader: inout ByteReader, key: String) throws(GGUFError) {
    let number = try reader.number(UInt32.self, at: .value(key: key))
    guard let kind = MetadataKind(rawValue: number) else {
      throw .unknownValueType(file: reader.file.path, key: key, found: number)
    }
    self = kind
  }
}

extension MetadataValue {
  /// Reads a value's type and the value.
  init(_ reader: inout ByteReader, key: String) throws(GGUFError) {
    let place = GGUFError.Place.value(key: key)
    switch try MetadataKind(&reader, key: key) {
    case .uint8: self = .uint8(try reader.number(UInt8.self, at: place))
    case .int8: self = .int8(try reader.number(Int8.self, at: place))
    case .uint16: self = .uint16(try reader.number(UInt16.self, at: place))
    case .int16: self = .int16(try reader.number(Int16.self, at: place))
    case .uint32: self = .uint32(try reader.number(UInt32.self, at: place))
    case .int32: self = .int32(try reader.number(Int32.self, at: place))
    case .uint64: self = .uint64(try reader.number(UInt64.self, at: place))
    case .int64: self = .int64(try reader.number(Int64.self, at: place))
    case .float32: self = .float32(try reader.number(Float.self, at: place))
    case .float64: self = .float64(try reader.number(Double.self, at: place))
    case .bool:
      let byte = try reader.number(UInt8.self, at: place)
      guard byte <= 1 else {
        throw .invalidBool(file: reader.file.path, key: key, index: nil, found: byte)
      }
      self = .bool(byte == 1)
    case .string: self = .string(try reader.string(at: place))
    case .array: self = .array(try MetadataArray(&reader, key: key, depth: 1))
    }
  }
}

extension MetadataArray {
  /// Arrays of arrays deeper than this are refused: each level is a level of recursion, and nobody writes even two.
  static let depthLimit = 8
  /// Strings or arrays in an array: each takes memory even where its bytes in a sparse file take none. The largest vocabularies have a
  /// sixtieth of it.
  static let elementLimit = 1 << 24

  /// Reads an array's element type, count and elements.
  init(_ reader: inout ByteReader, key: String, depth: Int) throws(GGUFError) {
    guard depth <= MetadataArray.depthLimit else {
      throw .arrayTooDeep(file: reader.file.path, key: key, limit: MetadataArray.depthLimit)
    }
    let place = GGUFError.Place.value(key: key)
    let kind = try MetadataKind(&reader, key: key)
    let count = try reader.number(UInt64.self, at: place)
    try reader.require(count, of: kind.leastByteCount, at: place)
    if kind == .string || kind == .array, count > UInt64(Self.elementLimit) {
      throw .arrayTooLong(file: reader.file.path, key: key, limit: Self.elementLimit, found: Int(count))
    }
    switch kind {
    case .uint8: self = .uint8(try reader.numbers(UInt8.self, count: count, at: place))
    case .int8: self = .int8(try reader.numbers(Int8.self, count: count, at: place))
    case .uint16: self = .uint16(try reader.numbers(UInt16.self, count: count, at: place))
    case .int16: self = .int16(try reader.numbers(Int16.self, count: count, at: place))
    case .uint32: self = .uint32(try reader.numbers(UInt32.self, count: count, at: place))
    case .int32: self = .int32(try reader.numbers(Int32.self, count: count, at: place))
    case .uint64: self = .uint64(try reader.numbers(UInt64.self, count: count, at: place))
    case .int64: self = .int64(try reader.numbers(Int64.self, count: count, at: place))
    case .float32: self = .float32(try reader.numbers(Float.self, count: count, at: place))
    case .float64: self = .float64(try reader.numbers(Double.self, count: count, at: place))
    case .bool:
      let elements = try reader.numbers(UInt8.self, count: count, at: place)
      if let index = elements.firstIndex(where: { $0 > 1 }) {
        throw .invalidBool(file: reader.file.path, key: key, index: index, found: elements[index])
      }
      self = .bool(elements.map { $0 == 1 })
    case .string: self = .string(try reader.strings(count: count, at: place))
    case .array:
      var elements: [MetadataArray] = []
      elements.reserveCapacity(Int(count))
      for _ in 0..<Int(count) {
        elements.append(try MetadataArray(&reader, key: key, depth: depth + 1))
      }
      self = .array(elements)
    }
  }
}
