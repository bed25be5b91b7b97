#if _endian(big)
  #error("GGUF files are little endian and are viewed in place; this needs a little-endian processor.")
#endif

/// A cursor over a file's bytes that checks every read against the bytes that remain, before it allocates.
struct ByteReader {
  let file: MappedFile
  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  init(_ file: MappedFile) {
    self.file = file
    bytes = file.bytes
  }

  /// Throws unless `count` items of at least `size` bytes each can follow. Does not move.
  func require(_ count: UInt64, of size: Int, at place: GGUFError.Place) throws(GGUFError) {
    let (needed, overflow) = count.multipliedReportingOverflow(by: UInt64(size))
    guard !overflow, needed <= UInt64(bytes.count - position) else {
      let (end, endOverflow) = needed.addingReportingOverflow(UInt64(position))
      throw .truncated(
        file: file.path, place: place, expected: overflow || endOverflow ? .max : end,
        found: UInt64(bytes.count))
    }
  }

  /// One number, at any alignment.
  mutating func number<T: BitwiseCopyable>(_ type: T.Type, at place: GGUFError.Place) throws(GGUFError) -> T {
    try require(1, of: MemoryLayout<T>.size, at: place)
    defer { position += MemoryLayout<T>.size }
    return bytes.loadUnaligned(fromByteOffset: position, as: T.self)
  }

  /// `count` numbers.
  mutating func numbers<T: BitwiseCopyable>(
    _ type: T.Type, count: UInt64, at place: GGUFError.Place
  ) throws(GGUFError) -> [T] {
    try require(count, of: MemoryLayout<T>.size, at: place)
    let source = UnsafeRawBufferPointer(
      rebasing: bytes[position..<position + Int(count) * MemoryLayout<T>.size])
    position += source.count
    return [T](unsafeUninitializedCapacity: Int(count)) { buffer, initialized in
      UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
      initialized = Int(count)
    }
  }

  /// A length of eight bytes, then as many bytes of UTF-8.
  mutating func string(at place: GGUFError.Place, index: Int? = nil) throws(GGUFError) -> String {
    let length = try number(UInt64.self, at: place)
    return try text(length, at: place, index: index)
  }

  /// `count` strings. A vocabulary and its merges are 300 000 of them, so this loop decides how long opening takes.
  mutating func strings(count: UInt64, at place: GGUFError.Place) throws(GGUFError) -> [String] {
    try require(count, of: MemoryLayout<UInt64>.size, at: place)
    var strings: [String] = []
    strings.reserveCapacity(Int(count))
    for index in 0..<Int(count) {
      strings.append(try string(at: place, index: index))
    }
    return strings
  }

  /// A string of 1 to `limit` bytes.
  mutating func name(limit: Int, at place: GGUFError.Place) throws(GGUFError) -> String {
    let length = try number(UInt64.self, at: place)
    guard length >= 1, length <= UInt64(limit) else {
      throw .nameLength(file: file.path, place: place, limit: limit, found: length)
    }
    return try text(length, at: place, index: nil)
  }

  private mutating func text(_ length: UInt64, at place: GGUFError.Place, index: Int?) throws(GGUFError)
    -> String
  {
    try require(length, of: 1, at: place)
    let source = UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(length)])
    // `String(validating:as:)` would say the same, but is not specialised and takes three times as long. Decoding
    // repairs invalid bytes, so they are valid if they come out unchanged.
    let text = String(decoding: source, as: UTF8.self)
    let isUnchanged = text.utf8.withContiguousStorageIfAvailable { $0.elementsEqual(source) }
    guard isUnchanged == true else {
      throw .invalidUTF8(file: file.path, place: place, index: index)
    }
    position += Int(length)
    return text
  }
}
