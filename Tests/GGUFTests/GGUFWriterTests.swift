import GGUF
import Testing

struct GGUFWriterTests {
  @Test func everyMetadataTypeSurvives() throws {
    let file = try GGUFFile(bytes: sampleWriter().serialized())
    #expect(file.metadata.keys == everyValue.map(\.key))
    for (key, value) in everyValue {
      #expect(file.metadata[key] == value, "\(key)")
    }
  }

  @Test func tensorsSurvive() throws {
    let file = try GGUFFile(bytes: sampleWriter().serialized())
    #expect(file.tensors.map(\.name) == ["vector", "matrix", "cube"])
    let matrix = try #require(file.tensor("matrix"))
    #expect(matrix.dimensions == [32, 2])
    #expect(matrix.type == .q8_0)
    #expect(matrix.elementCount == 64)
    #expect(file.copy(of: matrix) == Array(0..<68))
    let cube = try #require(file.tensor("cube"))
    #expect(cube.dimensions == [2, 3, 1, 2])
    #expect(file.copy(of: cube) == Array(100..<112))
    #expect(file.tensor("Vector") == nil)
  }

  @Test(arguments: TensorType.allCases)
  func everyTensorTypeSurvives(_ type: TensorType) throws {
    let block = type.block
    let first = (0..<3 * 2 * block.bytes).map { UInt8(truncatingIfNeeded: $0 * 7) }
    var writer = GGUFWriter()
    writer.addTensor("a", type: type, dimensions: [block.weights * 3, 2], bytes: first)
    writer.addTensor("b", type: type, dimensions: [block.weights], bytes: Array(first.suffix(block.bytes)))
    let file = try GGUFFile(bytes: writer.serialized())
    let (a, b) = (try #require(file.tensor("a")), try #require(file.tensor("b")))
    #expect(a.type == type && b.type == type)
    #expect(a.byteCount == first.count)
    #expect(a.offset % 32 == 0 && b.offset % 32 == 0)
    #expect(file.copy(of: a) == first)
    #expect(file.copy(of: b) == Array(first.suffix(block.bytes)))
  }

  /// The writer against bytes laid out by hand after the specification.
  @Test func layoutIsTheSpecification() throws {
    var writer = GGUFWriter()
    writer.add("general.alignment", .uint32(64))
    writer.add("k", .array(.string(["ab"])))
    writer.addTensor("t", type: .f16, dimensions: [1, 2], bytes: [1, 2, 3, 4])
    writer.addTensor("u", type: .f32, dimensions: [1], bytes: [5, 6, 7, 8])
    var raw = RawGGUF()
    raw.alignment = 64
    raw.pair("general.alignment", type: 4, little(UInt32(64)))
    raw.pair("k", type: 9, array(8, [prefixed("ab")]))
    raw.tensor("t", [1, 2], type: 1, offset: 0)
    raw.tensor("u", [1], type: 0, offset: 64)
    raw.data =
      [1, 2, 3, 4] + [UInt8](repeating: 0, count: 60) + [5, 6, 7, 8] + [UInt8](repeating: 0, count: 60)
    #expect(try writer.serialized() == raw.bytes)
  }

  @Test func version2ReadsLikeVersion3() throws {
    var writer = sampleWriter()
    let third = try GGUFFile(bytes: writer.serialized())
    writer.version = 2
    let second = try GGUFFile(bytes: writer.serialized())
    #expect(third.version == 3)
    #expect(second.version == 2)
    #expect(second.tensors == third.tensors)
    #expect(second.metadata.keys == third.metadata.keys)
    for key in third.metadata.keys { #expect(second.metadata[key] == third.metadata[key]) }
  }

  @Test(arguments: [8, 16, 256, 4096])
  func alignmentIsObeyed(_ alignment: Int) throws {
    var writer = GGUFWriter()
    writer.add("general.alignment", .uint32(UInt32(alignment)))
    for index in 0..<3 { writer.addTensor("t\(index)", type: .i8, dimensions: [5], bytes: [1, 2, 3, 4, 5]) }
    let file = try GGUFFile(bytes: writer.serialized())
    #expect(file.alignment == alignment)
    #expect(file.tensors.allSatisfy { $0.offset % alignment == 0 })
    #expect(file.tensors[1].offset - file.tensors[0].offset == alignment)
  }

  @Test func pathAndMemoryAreTheSameBytes() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("model.gguf")
    try sampleWriter().write(to: path)
    let mapped = try MappedFile(path: path)
    #expect(mapped.copy == (try sampleWriter().serialized()))
    #expect(try folder.names == ["model.gguf"])
  }

  @Test func viewsAndSourcesAreNotCopied() throws {
    let bytes = [UInt8](0..<64)
    let expected = try {
      var writer = GGUFWriter()
      writer.addTensor("view", type: .i8, dimensions: [64], bytes: bytes)
      writer.addTensor("made", type: .i8, dimensions: [64], bytes: bytes)
      return try writer.serialized()
    }()
    let found = try bytes.withUnsafeBytes { view in
      var writer = GGUFWriter()
      writer.addTensor("view", type: .i8, dimensions: [64], viewing: view)
      writer.addTensor("made", type: .i8, dimensions: [64]) { sink throws(GGUFError) in
        try sink(UnsafeRawBufferPointer(rebasing: view[..<10]))
        try sink(UnsafeRawBufferPointer(rebasing: view[10...]))
      }
      return try writer.serialized()
    }
    #expect(found == expected)
  }

  @Test(arguments: [0, 63, 65])
  func wrongByteCountLeavesTheOldFile(_ count: Int) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([1, 2, 3], as: "old.gguf")
    var writer = GGUFWriter()
    writer.addTensor("t", type: .i8, dimensions: [64], bytes: [UInt8](repeating: 1, count: count))
    #expect(throws: GGUFError.tensorByteCount(file: path, tensor: "t", expected: 64, found: count)) {
      try writer.write(to: path)
    }
    #expect(try MappedFile(path: path).copy == [1, 2, 3])
    #expect(try folder.names == ["old.gguf"])
  }

  @Test func aMissingFolderIsAnError() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("no/model.gguf")
    // 2 is ENOENT everywhere.
    #expect(throws: GGUFError.systemCall(file: path, operation: "create", code: 2)) {
      try sampleWriter().write(to: path)
    }
  }

  static let refusals: [(String, GGUFError, @Sendable (inout GGUFWriter) -> Void)] = [
    ("version", .unsupportedVersion(file: "memory", found: 4), { $0.version = 4 }),
    (
      "key twice", .duplicateKey(file: "memory", key: "k"),
      {
        $0.add("k", .bool(true))
        $0.add("k", .bool(true))
      }
    ),
    (
      "empty key", .nameLength(file: "memory", place: .key(index: 0), limit: 65_535, found: 0),
      { $0.add("", .bool(true)) }
    ),
    (
      "tensor twice", .duplicateTensor(file: "memory", tensor: "t"),
      {
        $0.addTensor("t", type: .i8, dimensions: [1], bytes: [1])
        $0.addTensor("t", type: .i8, dimensions: [1], bytes: [1])
      }
    ),
    (
      "long tensor name", .nameLength(file: "memory", place: .tensorInfo(index: 0), limit: 1024, found: 1025),
      { $0.addTensor(String(repeating: "n", count: 1025), type: .i8, dimensions: [1], bytes: [1]) }
    ),
    (
      "alignment", .invalidAlignment(file: "memory", found: 48), { $0.add("general.alignment", .uint32(48)) }
    ),
    (
      "no dimensions", .dimensionCount(file: "memory", tensor: "t", found: 0),
      { $0.addTensor("t", type: .i8, dimensions: [], bytes: []) }
    ),
    (
      "negative dimension", .invalidDimension(file: "memory", tensor: "t", index: 1, found: -1),
      { $0.addTensor("t", type: .i8, dimensions: [1, -1], bytes: []) }
    ),
    (
      "half a block", .partialBlock(file: "memory", tensor: "t", type: "Q4_K", expected: 256, found: 128),
      { $0.addTensor("t", type: .q4_K, dimensions: [128], bytes: []) }
    ),
    (
      "deep array", .arrayTooDeep(file: "memory", key: "k", limit: 8),
      { $0.add("k", .array((0..<8).reduce(.bool([])) { array, _ in .array([array]) })) }
    ),
  ]

  @Test(arguments: refusals.indices)
  func refusesWhatItCouldNotRead(_ index: Int) {
    let (_, error, change) = Self.refusals[index]
    var writer = GGUFWriter()
    change(&writer)
    #expect(throws: error) { try writer.serialized() }
  }
}
