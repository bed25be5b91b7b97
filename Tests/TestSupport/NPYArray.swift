import Foundation

/// A float32 array read from a NumPy `.npy` file: the form of every reference in `Fixtures/`.
///
/// Reads versions 1.0 and 2.0, little-endian float32 in C order, and nothing else: another element type or order is an
/// error, never a conversion. Format: NumPy enhancement proposal 1 (`numpy.lib.format`).
package struct NPYArray: Equatable, Sendable {
  /// The length of each dimension, slowest first; empty for a single number.
  package let shape: [Int]
  /// The elements, last dimension fastest; as many as the product of `shape`.
  package let values: [Float]

  package init(shape: [Int], values: [Float]) {
    precondition(shape.reduce(1, *) == values.count, "shape and element count differ")
    self.shape = shape
    self.values = values
  }

  /// Reads a file; `NPYError.unreadable` if there is none.
  package init(contentsOf url: URL) throws {
    guard let data = try? Data(contentsOf: url) else { throw NPYError.unreadable(path: url.path) }
    try self.init(bytes: [UInt8](data), name: url.lastPathComponent)
  }

  /// Reads the file at `relativePath` below `Fixtures/`.
  package init(fixture relativePath: String) throws {
    try self.init(contentsOf: Fixtures.url(relativePath))
  }

  /// Parses the bytes of a file; `name` appears in errors.
  package init(bytes: [UInt8], name: String) throws {
    let header = try NPYHeader(bytes: bytes, name: name)
    var count = 1
    for length in header.shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: length)
      guard !overflow else { throw NPYError.malformedHeader(file: name, reason: "the shape overflows") }
      count = product
    }
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Float>.size)
    let found = bytes.count - header.dataOffset
    guard !overflow, byteCount == found else {
      throw NPYError.wrongLength(file: name, expected: overflow ? Int.max : byteCount, found: found)
    }
    shape = header.shape
    values = bytes.withUnsafeBytes { raw in
      (0..<count).map { index in
        let offset = header.dataOffset + index * MemoryLayout<Float>.size
        return Float(
          bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      }
    }
  }

  /// How many rows `row(_:)` has: the first dimension, or 1 where there are fewer than two.
  package var rowCount: Int { shape.count < 2 ? 1 : shape[0] }

  /// Row `index` of the first dimension with everything below it, flat; an array of one dimension has only row 0.
  package func row(_ index: Int) -> [Float] {
    precondition(index >= 0 && index < rowCount, "row \(index) of \(rowCount)")
    let width = values.count / rowCount
    return Array(values[index * width..<(index + 1) * width])
  }
}
