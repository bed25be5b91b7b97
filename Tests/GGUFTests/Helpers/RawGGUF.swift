/// Builds the bytes of a GGUF file by hand, true or lying, without the code under test.
struct RawGGUF {
  var magic = Array("GGUF".utf8)
  var version: UInt32 = 3
  /// What the header claims; nil: the truth.
  var claimedPairs: UInt64?
  var claimedTensors: UInt64?
  var alignment = 32
  var data: [UInt8] = []
  private var pairs: [[UInt8]] = []
  private var tensors: [[UInt8]] = []

  /// A pair with the value's bytes as they are.
  mutating func pair(_ key: [UInt8], type: UInt32, _ value: [UInt8]) {
    pairs.append(prefixed(key) + little(type) + value)
  }

  mutating func pair(_ key: String, type: UInt32, _ value: [UInt8]) {
    pair(Array(key.utf8), type: type, value)
  }

  mutating func tensor(_ name: [UInt8], _ dimensions: [UInt64], type: UInt32 = 0, offset: UInt64 = 0) {
    tensors.append(
      prefixed(name) + little(UInt32(dimensions.count)) + dimensions.flatMap(little) + little(type)
        + little(offset))
  }

  mutating func tensor(_ name: String, _ dimensions: [UInt64], type: UInt32 = 0, offset: UInt64 = 0) {
    tensor(Array(name.utf8), dimensions, type: type, offset: offset)
  }

  /// Everything before the padding and the data.
  var head: [UInt8] {
    magic + little(version) + little(claimedTensors ?? UInt64(tensors.count))
      + little(claimedPairs ?? UInt64(pairs.count)) + pairs.joined() + tensors.joined()
  }

  var bytes: [UInt8] {
    let head = head
    let padding = (alignment - head.count % alignment) % alignment
    return head + [UInt8](repeating: 0, count: padding) + data
  }
}

/// The number's bytes, little endian.
func little<T: FixedWidthInteger>(_ number: T) -> [UInt8] {
  withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// The bytes behind their number, eight bytes wide.
func prefixed(_ bytes: [UInt8]) -> [UInt8] {
  little(UInt64(bytes.count)) + bytes
}

func prefixed(_ text: String) -> [UInt8] {
  prefixed(Array(text.utf8))
}

/// An array value: element type, count (or a false one), elements.
func array(_ type: UInt32, _ elements: [[UInt8]], claimed: UInt64? = nil) -> [UInt8] {
  little(type) + little(claimed ?? UInt64(elements.count)) + elements.joined()
}
