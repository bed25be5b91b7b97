/// Appends the pieces of a GGUF file, little endian.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  mutating func append(bytes more: [UInt8]) {
    bytes.append(contentsOf: more)
  }

  mutating func append<T: FixedWidthInteger & BitwiseCopyable>(_ number: T) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// A length of eight bytes, then UTF-8.
  mutating func append(_ text: String) {
    append(UInt64(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  mutating func pad(to alignment: Int) {
    let count = Alignment.roundUp(bytes.count, to: alignment) - bytes.count
    bytes.append(contentsOf: repeatElement(0, count: count))
  }

  /// The value without its type.
  mutating func append(_ value: MetadataValue) {
    switch value {
    case .uint8(let number): append(number)
    case .int8(let number): append(number)
    case .uint16(let number): append(number)
    case .int16(let number): append(number)
    case .uint32(let number): append(number)
    case .int32(let number): append(number)
    case .uint64(let number): append(number)
    case .int64(let number): append(number)
    case .float32(let number): append(number.bitPattern)
    case .float64(let number): append(number.bitPattern)
    case .bool(let flag): append(UInt8(flag ? 1 : 0))
    case .string(let text): append(text)
    case .array(let array): append(array)
    }
  }

  /// Element type, count, elements.
  mutating func append(_ array: MetadataArray) {
    append(array.elementKind.rawValue)
    append(UInt64(array.count))
    switch array {
    case .uint8(let elements): append(bytes: elements)
    case .int8(let elements): for element in elements { append(element) }
    case .uint16(let elements): for element in elements { append(element) }
    case .int16(let elements): for element in elements { append(element) }
    case .uint32(let elements): for element in elements { append(element) }
    case .int32(let elements): for element in elements { append(element) }
    case .uint64(let elements): for element in elements { append(element) }
    case .int64(let elements): for element in elements { append(element) }
    case .float32(let elements): for element in elements { append(element.bitPattern) }
    case .float64(let elements): for element in elements { append(element.bitPattern) }
    case .bool(let elements): for element in elements { append(UInt8(element ? 1 : 0)) }
    case .string(let elements): for element in elements { append(element) }
    case .array(let elements): for element in elements { append(element) }
    }
  }

  /// Name, dimensions, type, offset.
  mutating func append(_ tensor: TensorInfo) {
    append(tensor.name)
    append(UInt32(tensor.dimensions.count))
    for dimension in tensor.dimensions { append(UInt64(dimension)) }
    append(tensor.type.rawValue)
    append(UInt64(tensor.offset))
  }
}
