/// The type of a metadata value, by its number in the file. Source: `gguf_metadata_value_type` in the GGUF specification.
package enum MetadataKind: UInt32, Sendable, CaseIterable {
  case uint8 = 0
  case int8 = 1
  case uint16 = 2
  case int16 = 3
  case uint32 = 4
  case int32 = 5
  case float32 = 6
  case bool = 7
  case string = 8
  case array = 9
  case uint64 = 10
  case int64 = 11
  case float64 = 12

  /// Bytes of one value in the file; of an empty one for strings (a length) and arrays (an element type and a count).
  var leastByteCount: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64, .string: 8
    case .array: 12
    }
  }
}

extension MetadataValue {
  package var kind: MetadataKind {
    switch self {
    case .uint8: .uint8
    case .int8: .int8
    case .uint16: .uint16
    case .int16: .int16
    case .uint32: .uint32
    case .int32: .int32
    case .float32: .float32
    case .bool: .bool
    case .string: .string
    case .array: .array
    case .uint64: .uint64
    case .int64: .int64
    case .float64: .float64
    }
  }

  /// The type as people read it: `uint32`, `array of string`.
  package var typeName: String {
    if case .array(let array) = self { "array of \(array.elementKind)" } else { "\(kind)" }
  }
}

extension MetadataArray {
  package var elementKind: MetadataKind {
    switch self {
    case .uint8: .uint8
    case .int8: .int8
    case .uint16: .uint16
    case .int16: .int16
    case .uint32: .uint32
    case .int32: .int32
    case .float32: .float32
    case .bool: .bool
    case .string: .string
    case .array: .array
    case .uint64: .uint64
    case .int64: .int64
    case .float64: .float64
    }
  }

  package var count: Int {
    switch self {
    case .uint8(let elements): elements.count
    case .int8(let elements): elements.count
    case .uint16(let elements): elements.count
    case .int16(let elements): elements.count
    case .uint32(let elements): elements.count
    case .int32(let elements): elements.count
    case .float32(let elements): elements.count
    case .bool(let elements): elements.count
    case .string(let elements): elements.count
    case .array(let elements): elements.count
    case .uint64(let elements): elements.count
    case .int64(let elements): elements.count
    case .float64(let elements): elements.count
    }
  }
}
