import Foundation

/// What stands before the numbers of a `.npy` file.
///
/// The header is a Python dictionary literal. Only the three keys that NumPy writes are looked for, each by its quoted name.
struct NPYHeader {
  let shape: [Int]
  /// Where the numbers begin, in bytes from the start of the file.
  let dataOffset: Int

  init(bytes: [UInt8], name: String) throws {
    guard bytes.count >= 10, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
      throw NPYError.notNPY(file: name)
    }
    let lengthBytes: Int
    switch bytes[6] {
    case 1: lengthBytes = 2
    case 2: lengthBytes = 4
    default: throw NPYError.unsupportedVersion(file: name, found: Int(bytes[6]))
    }
    let start = 8 + lengthBytes
    guard bytes.count >= start else { throw NPYError.malformedHeader(file: name, reason: "it is cut short") }
    let length = bytes[8..<start].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= bytes.count - start else {
      throw NPYError.malformedHeader(file: name, reason: "it is cut short")
    }
    let text = String(decoding: bytes[start..<start + length], as: UTF8.self)

    let type = try Self.value(of: "descr", in: text, file: name)
    guard type.hasPrefix("'<f4'") else {
      throw NPYError.unsupportedType(file: name, found: String(type.prefix { $0 != "," }))
    }
    guard try Self.value(of: "fortran_order", in: text, file: name).hasPrefix("False") else {
      throw NPYError.unsupportedOrder(file: name)
    }
    shape = try Self.dimensions(Self.value(of: "shape", in: text, file: name), file: name)
    dataOffset = start + length
  }

  /// The text after `'key':`, up to the end of the header.
  private static func value(of key: String, in text: String, file: String) throws -> Substring {
    guard let range = text.range(of: "'\(key)':") else {
      throw NPYError.malformedHeader(file: file, reason: "it has no '\(key)'")
    }
    return text[range.upperBound...].drop { $0 == " " }
  }

  private static func dimensions(_ text: Substring, file: String) throws -> [Int] {
    guard text.first == "(", let end = text.firstIndex(of: ")") else {
      throw NPYError.malformedHeader(file: file, reason: "its shape is not a tuple")
    }
    return try text[text.index(after: text.startIndex)..<end].split(separator: ",")
      .map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
      .map {
        guard let length = Int($0), length >= 0 else {
          throw NPYError.malformedHeader(file: file, reason: "its shape holds '\($0)'")
        }
        return length
      }
  }
}
