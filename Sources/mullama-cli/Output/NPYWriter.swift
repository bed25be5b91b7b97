/// Writes a float32 matrix as a NumPy `.npy` file, row by row.
///
/// Version 1.0, little endian, C order. Source: NumPy enhancement proposal 1. The rows go to a file beside the target,
/// which takes the target's name when all are there: a reader never sees half a matrix, and a failure leaves what was.
package struct NPYWriter: ~Copyable {
  private let temporary: PartialFile
  private let rows: Int
  private let columns: Int
  private var written = 0

  package init(_ path: String, rows: Int, columns: Int) throws {
    let file = try PartialFile(for: path)
    try Self.header(rows: rows, columns: columns).withUnsafeBytes { try file.write($0) }
    temporary = file
    self.rows = rows
    self.columns = columns
  }

  package mutating func append(_ row: UnsafeBufferPointer<Float>) throws {
    precondition(row.count == columns && written < rows)
    #if _endian(little)
      try temporary.write(UnsafeRawBufferPointer(row))
    #else
      try row.map(\.bitPattern.littleEndian).withUnsafeBytes { try temporary.write($0) }
    #endif
    written += 1
  }

  /// Gives the file its name; every row must have been written.
  package consuming func finish() throws {
    precondition(written == rows)
    try temporary.commit()
  }

  /// Magic, version, and a dictionary padded so that the data start at a multiple of 64.
  package static func header(rows: Int, columns: Int) -> [UInt8] {
    var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    let prefix = 10
    text += String(repeating: " ", count: (64 - (prefix + text.utf8.count + 1) % 64) % 64) + "\n"
    let length = text.utf8.count
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array(text.utf8)
  }
}
