import Foundation
import GGUF
import Testing

/// Files that lie or are damaged: each must give exactly its error.
struct HostileFileTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let error: GGUFError

    init(_ description: String, _ error: GGUFError, _ build: (inout RawGGUF) -> Void) {
      var raw = RawGGUF()
      build(&raw)
      self.init(description, error, bytes: raw.bytes)
    }

    init(_ description: String, _ error: GGUFError, bytes: [UInt8]) {
      testDescription = description
      self.bytes = bytes
      self.error = error
    }
  }

  private static let file = "memory"
  private static let huge: UInt64 = 1 << 60

  static let headers: [Case] = [
    Case("empty", .emptyFile(file: file), bytes: []),
    Case(
      "three bytes of magic", .truncated(file: file, place: .header, expected: 24, found: 3),
      bytes: Array("GGU".utf8)),
    Case(
      "magic only", .truncated(file: file, place: .header, expected: 24, found: 4), bytes: Array("GGUF".utf8)),
    Case(
      "no counts", .truncated(file: file, place: .header, expected: 24, found: 23),
      bytes: Array(RawGGUF().head.dropLast())),
    Case("version 0", .unsupportedVersion(file: file, found: 0)) { $0.version = 0 },
    Case("version 1", .unsupportedVersion(file: file, found: 1)) { $0.version = 1 },
    Case("version 4", .unsupportedVersion(file: file, found: 4)) { $0.version = 4 },
    Case("big endian 3", .bigEndian(file: file)) { $0.version = 3 << 24 },
    Case("big endian 2", .bigEndian(file: file)) { $0.version = 2 << 24 },
    Case(
      "2^60 pairs", .truncated(file: file, place: .header, expected: 14 << 60 + 24, found: 32)
    ) { $0.claimedPairs = huge },
    Case(
      "2^64 - 1 pairs", .truncated(file: file, place: .header, expected: .max, found: 32)
    ) { $0.claimedPairs = .max },
    Case(
      "2^60 tensors", .truncated(file: file, place: .header, expected: .max, found: 32)
    ) { $0.claimedTensors = huge },
  ]

  private static func value(_ key: String = "k") -> GGUFError.Place { .value(key: key) }

  static let metadata: [Case] = [
    Case("duplicate key", .duplicateKey(file: file, key: "k")) {
      $0.pair("k", type: 7, [1])
      $0.pair("k", type: 7, [1])
    },
    Case("empty key", .nameLength(file: file, place: .key(index: 0), limit: 65_535, found: 0)) {
      $0.pair("", type: 7, [1])
    },
    Case("long key", .nameLength(file: file, place: .key(index: 0), limit: 65_535, found: 65_536)) {
      $0.pair(String(repeating: "k", count: 65_536), type: 7, [1])
    },
    Case("key that is not UTF-8", .invalidUTF8(file: file, place: .key(index: 1), index: nil)) {
      $0.pair("k", type: 7, [1])
      $0.pair([0x61, 0xFF], type: 7, [1])
    },
    Case("unknown type", .unknownValueType(file: file, key: "k", found: 13)) { $0.pair("k", type: 13, [1]) },
    Case("unknown element type", .unknownValueType(file: file, key: "k", found: 99)) {
      $0.pair("k", type: 9, array(99, []))
    },
    Case("bool of 2", .invalidBool(file: file, key: "k", index: nil, found: 2)) {
      $0.pair("k", type: 7, [2])
    },
    Case("bool of 255 in an array", .invalidBool(file: file, key: "k", index: 2, found: 255)) {
      $0.pair("k", type: 9, array(7, [[0], [1], [255]]))
    },
    Case("overlong UTF-8", .invalidUTF8(file: file, place: value(), index: nil)) {
      $0.pair("k", type: 8, prefixed([0xC0, 0x80]))
    },
    Case("surrogate", .invalidUTF8(file: file, place: value(), index: nil)) {
      $0.pair("k", type: 8, prefixed([0xED, 0xA0, 0x80]))
    },
    // Three bytes, like the replacement character that stands for them.
    Case("truncated sequence", .invalidUTF8(file: file, place: value(), index: nil)) {
      $0.pair("k", type: 8, prefixed([0xF0, 0x9F, 0xA6]))
    },
    Case("stray byte in a long string", .invalidUTF8(file: file, place: value(), index: nil)) {
      $0.pair("k", type: 8, prefixed(Array("a text of more than fifteen bytes".utf8) + [0x80]))
    },
    Case("bad string in an array", .invalidUTF8(file: file, place: value(), index: 1)) {
      $0.pair("k", type: 9, array(8, [prefixed("ok"), prefixed([0xFE])]))
    },
    Case("2^60 bytes of string", .truncated(file: file, place: value(), expected: huge + 45, found: 64)) {
      $0.pair("k", type: 8, little(huge))
    },
    Case("2^60 strings", .truncated(file: file, place: value(), expected: 8 * huge + 49, found: 64)) {
      $0.pair("k", type: 9, array(8, [], claimed: huge))
    },
    Case("2^60 bytes in an array", .truncated(file: file, place: value(), expected: huge + 49, found: 64)) {
      $0.pair("k", type: 9, array(0, [], claimed: huge))
    },
    Case("2^61 doubles", .truncated(file: file, place: value(), expected: .max, found: 64)) {
      $0.pair("k", type: 9, array(12, [], claimed: 2 * huge))
    },
    Case("2^63 arrays", .truncated(file: file, place: value(), expected: .max, found: 64)) {
      $0.pair("k", type: 9, array(9, [], claimed: 8 * huge))
    },
    Case(
      "2^60 strings in a nested array",
      .truncated(file: file, place: value(), expected: 8 * huge + 61, found: 64)
    ) {
      $0.pair("k", type: 9, array(9, [array(8, [], claimed: huge)]))
    },
    Case("nine levels of arrays", .arrayTooDeep(file: file, key: "k", limit: 8)) {
      $0.pair("k", type: 9, (0..<8).reduce(array(0, [])) { inner, _ in array(9, [inner]) })
    },
    Case("100 000 levels of arrays", .arrayTooDeep(file: file, key: "k", limit: 8)) {
      let level = little(UInt32(9)) + little(UInt64(1))
      $0.pair("k", type: 9, Array(repeatElement(level, count: 100_000).joined()))
    },
    Case(
      "alignment of another type",
      .wrongType(file: file, key: "general.alignment", expected: "integer", found: "string")
    ) { $0.pair("general.alignment", type: 8, prefixed("32")) },
  ]

  static let alignments: [Case] = [0, 1, 4, 12, 33, 48, 2_097_152].map { alignment in
    Case("alignment \(alignment)", .invalidAlignment(file: file, found: alignment)) {
      $0.pair("general.alignment", type: 4, little(UInt32(alignment)))
    }
  }

  private static func info(_ index: Int = 0) -> GGUFError.Place { .tensorInfo(index: index) }
  private static func data(_ tensor: String = "t") -> GGUFError.Place { .tensorData(tensor: tensor) }

  static let tensors: [Case] = [
    Case("duplicate tensor", .duplicateTensor(file: file, tensor: "t")) {
      $0.tensor("t", [1])
      $0.tensor("t", [1], offset: 32)
      $0.data = [UInt8](repeating: 0, count: 64)
    },
    Case("empty name", .nameLength(file: file, place: info(), limit: 1024, found: 0)) { $0.tensor("", [8]) },
    Case("long name", .nameLength(file: file, place: info(1), limit: 1024, found: 1025)) {
      $0.tensor("t", [8])
      $0.tensor(String(repeating: "n", count: 1025), [8])
    },
    Case("name that is not UTF-8", .invalidUTF8(file: file, place: info(), index: nil)) {
      $0.tensor([0xFF], [8])
    },
    Case("five dimensions", .dimensionCount(file: file, tensor: "t", found: 5)) {
      $0.tensor("t", [1, 1, 1, 1, 1])
    },
    Case("zero dimension", .invalidDimension(file: file, tensor: "t", index: 1, found: 0)) {
      $0.tensor("t", [8, 0])
    },
    Case("negative dimension", .invalidDimension(file: file, tensor: "t", index: 0, found: -8)) {
      $0.tensor("t", [UInt64(bitPattern: -8)])
    },
    Case(
      "element count overflows",
      .tensorTooLarge(file: file, tensor: "t", dimensions: [1 << 31, 1 << 31, 2])
    ) { $0.tensor("t", [1 << 31, 1 << 31, 2]) },
    Case("byte count overflows", .tensorTooLarge(file: file, tensor: "t", dimensions: [1 << 61])) {
      $0.tensor("t", [1 << 61])
    },
    Case(
      "end overflows", .truncated(file: file, place: data(), expected: .max, found: 128)
    ) {
      $0.tensor("t", [8], offset: .max - 31)
      $0.data = [UInt8](repeating: 0, count: 64)
    },
    Case("half a block", .partialBlock(file: file, tensor: "t", type: "Q4_0", expected: 32, found: 48)) {
      $0.tensor("t", [48], type: 2)
    },
    Case("unknown type", .unknownTensorType(file: file, tensor: "t", found: 1000)) {
      $0.tensor("t", [8], type: 1000)
    },
    Case("misaligned", .misalignedTensor(file: file, tensor: "t", expected: 32, found: 8)) {
      $0.tensor("t", [8], offset: 8)
      $0.data = [UInt8](repeating: 0, count: 64)
    },
    Case("past the end", .truncated(file: file, place: data("u"), expected: 1152, found: 160)) {
      $0.tensor("t", [64])
      $0.tensor("u", [8], offset: 1024)
      $0.data = [UInt8](repeating: 0, count: 64)
    },
    Case("one byte missing", .truncated(file: file, place: data(), expected: 96, found: 95)) {
      $0.tensor("t", [8])
      $0.data = [UInt8](repeating: 0, count: 31)
    },
    Case("same bytes", .overlappingTensors(file: file, first: "t", second: "u")) {
      $0.tensor("t", [8])
      $0.tensor("u", [8])
      $0.data = [UInt8](repeating: 0, count: 32)
    },
    Case("overlap against the order", .overlappingTensors(file: file, first: "u", second: "t")) {
      $0.tensor("t", [8], offset: 32)
      $0.tensor("u", [9], offset: 0)
      $0.data = [UInt8](repeating: 0, count: 64)
    },
  ]

  static let removedTypes: [Case] = [4, 5, 31, 32, 33, 36, 37, 38].map { type in
    Case("removed type \(type)", .unknownTensorType(file: file, tensor: "t", found: type)) {
      $0.tensor("t", [256], type: type)
    }
  }

  @Test(arguments: headers + metadata + alignments + tensors + removedTypes)
  func givesItsError(_ hostile: Case) {
    #expect(throws: hostile.error) { try GGUFFile(bytes: hostile.bytes) }
  }

  /// Claims that no file can keep must be refused before memory is taken for them.
  @Test func refusesQuickly() {
    let clock = ContinuousClock()
    let elapsed = clock.measure {
      for hostile in Self.headers + Self.metadata + Self.tensors {
        #expect(throws: GGUFError.self) { try GGUFFile(bytes: hostile.bytes) }
      }
    }
    #expect(elapsed < .seconds(2))
  }

  /// A sparse file has room for more empty strings than memory has.
  @Test func tooManyEmptyStrings() throws {
    let folder = try TemporaryFolder()
    let limit = 1 << 24
    var raw = RawGGUF()
    raw.pair("k", type: 9, array(8, [], claimed: UInt64(limit + 1)))
    let path = folder.path("sparse.gguf")
    try Data(raw.bytes).write(to: URL(fileURLWithPath: path))
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.truncate(atOffset: UInt64(raw.bytes.count + 8 * (limit + 2)))
    try file.close()
    #expect(throws: GGUFError.arrayTooLong(file: path, key: "k", limit: limit, found: limit + 1)) {
      try GGUFFile.open(path)
    }
  }

  @Test func aShortenedFileSaysHowMuchIsMissing() throws {
    let folder = try TemporaryFolder()
    let bytes = try sampleWriter().serialized()
    let last = try #require(try GGUFFile(bytes: bytes).tensors.last)
    let end = last.offset + last.byteCount
    let path = try folder.write(Array(bytes.prefix(end - 5)), as: "short.gguf")
    #expect(
      throws: GGUFError.truncated(
        file: path, place: .tensorData(tensor: last.name), expected: UInt64(end), found: UInt64(end - 5))
    ) { try GGUFFile.open(path) }
  }
}
