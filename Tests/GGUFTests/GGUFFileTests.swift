import GGUF
import Testing

struct GGUFFileTests {
  @Test func readsHandMadeBytes() throws {
    var raw = RawGGUF()
    raw.pair("general.architecture", type: 8, prefixed("llama"))
    raw.pair("n", type: 5, little(Int32(-7)))
    raw.tensor("weight", [2, 3], type: 0, offset: 32)
    raw.tensor("scalar", [], type: 0, offset: 0)
    raw.data = (0..<56).map { UInt8($0) }
    let file = try GGUFFile(bytes: raw.bytes, name: "made")
    #expect(file.path == "made")
    #expect(file.version == 3)
    #expect(file.alignment == 32)
    #expect(file.mappedByteCount == raw.bytes.count)
    #expect(file.metadata.keys == ["general.architecture", "n"])
    #expect(try file.metadata.requiredString("general.architecture") == "llama")
    #expect(file.metadata["n"] == .int32(-7))
    let weight = try #require(file.tensor("weight"))
    #expect(weight.dimensions == [2, 3])
    #expect(weight.byteCount == 24)
    #expect(weight.offset == raw.bytes.count - 24)
    #expect(file.copy(of: weight) == (32..<56).map { UInt8($0) })
    // A tensor of no dimensions is one value.
    let scalar = try #require(file.tensor("scalar"))
    #expect(scalar.dimensions == [1])
    #expect(scalar.elementCount == 1)
    #expect(file.copy(of: scalar) == [0, 1, 2, 3])
  }

  @Test func aVocabularyAloneIsAFile() throws {
    var raw = RawGGUF()
    raw.pair("k", type: 7, [1])
    // Neither padding nor data need follow.
    let file = try GGUFFile(bytes: raw.head)
    #expect(file.tensors.isEmpty)
    #expect(try file.metadata.bool("k") == true)
  }

  @Test func openedAndInMemoryAreTheSame() throws {
    let folder = try TemporaryFolder()
    let bytes = try sampleWriter().serialized()
    let path = try folder.write(bytes, as: "model.gguf")
    let (opened, memory) = (try GGUFFile.open(path), try GGUFFile(bytes: bytes))
    #expect(opened.path == path)
    #expect(opened.tensors == memory.tensors)
    #expect(opened.metadata.keys == memory.metadata.keys)
    for tensor in opened.tensors {
      #expect(opened.copy(of: tensor) == memory.copy(of: tensor))
    }
  }

  @Test func bytesLieInsideTheMappingAligned() throws {
    let file = try GGUFFile(bytes: sampleWriter().serialized())
    for tensor in file.tensors {
      #expect(Int(bitPattern: file.bytes(of: tensor).baseAddress) % 32 == 0)
      #expect(file.bytes(of: tensor).count == tensor.byteCount)
    }
  }

  @Test func errorsOfMetadataNameTheFile() throws {
    let file = try GGUFFile(bytes: sampleWriter().serialized(), name: "some.gguf")
    #expect(throws: GGUFError.missingKey(file: "some.gguf", key: "absent", expected: "integer")) {
      try file.metadata.requiredInt("absent")
    }
  }

  @Test func errorsOfOpening() throws {
    let folder = try TemporaryFolder()
    let missing = folder.path("missing.gguf")
    #expect(throws: GGUFError.missingFile(file: missing)) { try GGUFFile.open(missing) }
    #expect(throws: GGUFError.directory(file: folder.path)) { try GGUFFile.open(folder.path) }
    let empty = try folder.write([], as: "empty.gguf")
    #expect(throws: GGUFError.emptyFile(file: empty)) { try GGUFFile.open(empty) }
  }

  /// 300 000 strings are the cost of opening a model with a large vocabulary.
  @Test func aLargeVocabularyKeepsItsStrings() throws {
    let words = (0..<150_000).map { "Ġword\($0)" }
    let merges = (0..<150_000).map { "Ġfirst\($0) second\($0)" }
    var writer = GGUFWriter()
    writer.add("tokenizer.ggml.tokens", .array(.string(words)))
    writer.add("tokenizer.ggml.merges", .array(.string(merges)))
    let file = try GGUFFile(bytes: writer.serialized())
    #expect(try file.metadata.strings("tokenizer.ggml.tokens") == words)
    #expect(try file.metadata.strings("tokenizer.ggml.merges") == merges)
  }
}
