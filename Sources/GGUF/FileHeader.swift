/// The fixed start of a GGUF file: magic, version, two counts; 24 bytes. Source: `gguf_header_t` in the GGUF specification.
struct FileHeader {
  static let magic: [UInt8] = Array("GGUF".utf8)
  static let byteCount: UInt64 = 24

  let version: UInt32
  let tensorCount: UInt64
  let metadataCount: UInt64

  init(_ reader: inout ByteReader) throws(GGUFError) {
    let file = reader.file
    guard file.count > 0 else { throw .emptyFile(file: file.path) }
    let start = Array(file.bytes.prefix(64))
    guard FileHeader.magic.starts(with: start.prefix(4)) else {
      throw .notGGUF(file: file.path, found: ForeignFormat(start: start))
    }
    guard start.count >= 8 else {
      throw .truncated(
        file: file.path, place: .header, expected: FileHeader.byteCount, found: UInt64(start.count))
    }
    _ = try reader.number(UInt32.self, at: .header)
    version = try reader.number(UInt32.self, at: .header)
    guard version == 2 || version == 3 else {
      // The magic is the same four bytes in both orders; the version, a small number, tells them apart.
      if version & 0xFFFF == 0, version != 0 { throw .bigEndian(file: file.path) }
      throw .unsupportedVersion(file: file.path, found: version)
    }
    try reader.require(2, of: 8, at: .header)
    tensorCount = try reader.number(UInt64.self, at: .header)
    metadataCount = try reader.number(UInt64.self, at: .header)
  }
}
