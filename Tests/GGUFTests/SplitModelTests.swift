import GGUF
import Testing

struct SplitModelTests {
  /// Writes three parts: no tensors, two, one.
  private func writeParts(
    to folder: TemporaryFolder, counts: [Int] = [3, 3, 3], numbers: [Int] = [0, 1, 2], tensorCount: Int = 3,
    names: [[String]] = [[], ["a", "b"], ["c"]]
  ) throws -> [String] {
    try (0..<3).map { index in
      var writer = GGUFWriter()
      if index == 0 { writer.add("general.name", .string("split")) }
      writer.add("split.no", .uint16(UInt16(numbers[index])))
      writer.add("split.count", .uint16(UInt16(counts[index])))
      writer.add("split.tensors.count", .int32(Int32(tensorCount)))
      for name in names[index] {
        writer.addTensor(name, type: .i8, dimensions: [3], bytes: Array(name.utf8) + [UInt8(index), 9])
      }
      let path = folder.path("my-model-0000\(index + 1)-of-00003.gguf")
      try writer.write(to: path)
      return path
    }
  }

  @Test(arguments: 0..<3)
  func opensFromAnyPart(_ start: Int) throws {
    let folder = try TemporaryFolder()
    let paths = try writeParts(to: folder)
    let file = try GGUFFile.open(paths[start])
    #expect(file.path == paths[0])
    #expect(try file.metadata.string("general.name") == "split")
    #expect(file.tensors.map(\.name) == ["a", "b", "c"])
    #expect(file.tensors.map(\.part) == [1, 1, 2])
    for tensor in file.tensors {
      #expect(file.copy(of: tensor) == Array(tensor.name.utf8) + [UInt8(tensor.part), 9])
    }
    let sizes = try paths.map { try MappedFile(path: $0).count }
    #expect(file.mappedByteCount == sizes.reduce(0, +))
    file.advise(.willNeed)
  }

  @Test func aModelOfOnePartIsNotSplit() throws {
    var writer = sampleWriter()
    writer.add("split.no", .uint16(0))
    writer.add("split.count", .uint16(1))
    #expect(try GGUFFile(bytes: writer.serialized()).tensors.count == 3)
  }

  @Test func aMissingPart() throws {
    let folder = try TemporaryFolder()
    var writer = GGUFWriter()
    writer.add("split.no", .uint16(0))
    writer.add("split.count", .uint16(2))
    let path = folder.path("m-00001-of-00002.gguf")
    try writer.write(to: path)
    let second = folder.path("m-00002-of-00002.gguf")
    #expect(throws: GGUFError.missingPart(file: second, number: 2, count: 2)) { try GGUFFile.open(path) }
  }

  @Test func aMissingFirstPart() throws {
    let folder = try TemporaryFolder()
    var writer = GGUFWriter()
    writer.add("split.no", .uint16(1))
    writer.add("split.count", .uint16(2))
    let path = folder.path("m-00002-of-00002.gguf")
    try writer.write(to: path)
    let first = folder.path("m-00001-of-00002.gguf")
    #expect(throws: GGUFError.missingPart(file: first, number: 1, count: 2)) { try GGUFFile.open(path) }
  }

  @Test(arguments: [
    "renamed.gguf", "m-00002-of-00003.gguf", "m-00001-of-00002.gguf", "m-1-of-3.gguf",
    "m-0000a-of-00003.gguf",
    "m-00001-of-00003.bin", "00001-of-00003",
  ])
  func aNameThatHidesTheOtherParts(_ name: String) throws {
    let folder = try TemporaryFolder()
    var writer = GGUFWriter()
    writer.add("split.no", .uint16(0))
    writer.add("split.count", .uint16(3))
    let path = folder.path(name)
    try writer.write(to: path)
    #expect(throws: GGUFError.splitName(file: path, number: 1, count: 3)) { try GGUFFile.open(path) }
    #expect(throws: GGUFError.splitName(file: "memory", number: 1, count: 3)) {
      try GGUFFile(bytes: writer.serialized())
    }
  }

  @Test func partsOfDifferentModels() throws {
    let folder = try TemporaryFolder()
    var paths = try writeParts(to: folder, counts: [3, 3, 4])
    #expect(throws: GGUFError.splitMismatch(file: paths[2], key: "split.count", expected: 3, found: 4)) {
      try GGUFFile.open(paths[0])
    }
    paths = try writeParts(to: folder, numbers: [0, 2, 1])
    #expect(throws: GGUFError.splitMismatch(file: paths[1], key: "split.no", expected: 1, found: 2)) {
      try GGUFFile.open(paths[0])
    }
    paths = try writeParts(to: folder, tensorCount: 4)
    #expect(
      throws: GGUFError.splitMismatch(file: paths[0], key: "split.tensors.count", expected: 4, found: 3)
    ) {
      try GGUFFile.open(paths[0])
    }
    paths = try writeParts(to: folder, names: [[], ["a", "b"], ["a"]])
    #expect(throws: GGUFError.duplicateTensor(file: paths[2], tensor: "a")) { try GGUFFile.open(paths[0]) }
  }

  @Test func positionsThatCannotBe() throws {
    func open(_ number: Int32, _ count: Int32) throws {
      var writer = GGUFWriter()
      writer.add("split.no", .int32(number))
      writer.add("split.count", .int32(count))
      _ = try GGUFFile(bytes: writer.serialized())
    }
    func outOfRange(_ key: String, _ expected: String, _ found: String) -> GGUFError {
      .valueOutOfRange(file: "memory", key: key, expected: expected, found: found)
    }
    #expect(throws: outOfRange("split.count", "0 to 99999", "-2")) { try open(0, -2) }
    #expect(throws: outOfRange("split.count", "0 to 99999", "100000")) { try open(0, 100_000) }
    #expect(throws: outOfRange("split.no", "0 to 1", "2")) { try open(2, 2) }
    #expect(throws: outOfRange("split.no", "0 to 1", "-1")) { try open(-1, 2) }
  }
}
