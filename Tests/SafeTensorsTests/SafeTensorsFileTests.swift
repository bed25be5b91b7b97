import GGUF
import SafeTensors
import TestSupport
import Testing

@Suite struct SafeTensorsFileTests {
  private static let name = "memory"

  private static let draft = SafeTensorsDraft([
    .init("a", [2, 3], [1, 2, 3, 4, 5, 6]), .init("b.c", type: "BF16", [1], [0x80, 0x3F]),
    .init("scalar", type: "I64", [], [7, 0, 0, 0, 0, 0, 0, 0]), .init("none", type: "F16", [0, 4], []),
  ])

  private func open(_ header: String, data: Int = 0) throws -> SafeTensorsFile {
    try SafeTensorsFile(
      bytes: SafeTensorsDraft.bytes(header: header, data: .init(repeating: 0, count: data)), name: Self.name)
  }

  private func expect(
    _ error: SafeTensorsError, _ header: String, data: Int = 0,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(throws: error, sourceLocation: sourceLocation) { try open(header, data: data) }
    #expect(error.description.hasPrefix("memory: "), sourceLocation: sourceLocation)
  }

  @Test func readsWhatIsThere() throws {
    let file = try SafeTensorsFile(bytes: Self.draft.bytes())
    #expect(file.tensors.map(\.name) == ["a", "b.c", "scalar", "none"])
    #expect(file.metadata == ["format": "pt"])
    let a = try #require(file.tensor("a"))
    #expect(a.shape == [2, 3])
    #expect(a.type == .f32)
    #expect(Array(file.bytes(of: a)) == Self.draft.tensors[0].bytes)
    #expect(file.tensor("b.c").map { Array(file.bytes(of: $0)) } == [0x80, 0x3F])
    #expect(file.tensor("scalar")?.shape == [])
    #expect(file.tensor("none")?.byteCount == 0)
    #expect(file.tensor("missing") == nil)
  }

  /// Files of PEFT's own making, byte for byte.
  @Test func readsPEFTsFiles() throws {
    let file = try SafeTensorsFile.open(Fixtures.path("llama/adapters/embed/peft/adapter_model.safetensors"))
    #expect(file.tensors.count == 3 * 7 * 2 + 3)
    let a = try #require(file.tensor("base_model.model.model.embed_tokens.lora_embedding_A"))
    #expect(a.shape == [4, 320])
    #expect(file.bytes(of: a).count == 4 * 320 * 4)
  }

  @Test func theOrderOfDataMayDiffer() throws {
    let file = try open(
      #"{"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#,
      data: 3)
    #expect(file.tensors.map(\.byteCount) == [1, 2])
  }

  @Test func tooShort() {
    for count in 0..<8 {
      #expect(
        throws: SafeTensorsError.truncated(
          file: Self.name, what: "the header's length", expected: 8, found: UInt64(count))
      ) { try SafeTensorsFile(bytes: .init(repeating: 0, count: count), name: Self.name) }
    }
  }

  @Test(arguments: [100_000_001, UInt64(1) << 40, .max]) func aHugeHeader(_ length: UInt64) {
    let bytes = SafeTensorsDraft.bytes(header: "{}", data: [], length: length)
    #expect(
      throws: SafeTensorsError.headerTooLarge(file: Self.name, limit: 100_000_000, found: length)
    ) { try SafeTensorsFile(bytes: bytes, name: Self.name) }
  }

  @Test func aHeaderBeyondTheFile() {
    let bytes = SafeTensorsDraft.bytes(header: "{}", data: [], length: 3)
    #expect(
      throws: SafeTensorsError.truncated(file: Self.name, what: "the header", expected: 11, found: 10)
    ) { try SafeTensorsFile(bytes: bytes, name: Self.name) }
  }

  @Test(arguments: [
    ("", 0, "expected '{'"), ("[]", 0, "expected '{'"), (" {}", 0, "expected '{'"),
    (#"{"a":1"#, 8, "expected '}'"), (#"{"a":{},"a":{}}"#, 8, "the key 'a' appears twice"),
    ("{}x", 2, "there is more behind the value"), ("{\"\u{1}\":1}", 3, "a control character inside a string"),
    (#"{"a":\#(String(repeating: "[", count: 50))"#, 37, "nested deeper than 32 levels"),
  ]) func noJSON(_ header: String, _ offset: Int, _ reason: String) {
    expect(
      .invalidHeader(file: Self.name, error: JSONError(offset: offset, reason: reason)), header)
  }

  /// Names are taken apart into words, each of which costs more than its bytes.
  @Test func namesWithoutEnd() {
    let name = String(repeating: ".", count: 16_385)
    expect(
      .invalidHeader(
        file: Self.name,
        error: JSONError(offset: 1, reason: "a key of 16385 bytes; at most 16384 are allowed")),
      #"{"\#(name)":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, data: 1)
  }

  @Test func entriesThatAreWrong() {
    func entry(_ key: String, _ expected: String, _ found: String) -> SafeTensorsError {
      .invalidEntry(file: Self.name, tensor: "a", key: key, expected: expected, found: found)
    }
    let lengths = "an array of whole numbers from 0 on"
    expect(entry("value", "an object", "5"), #"{"a":5}"#)
    expect(entry("dtype", "a string", "missing"), #"{"a":{"shape":[],"data_offsets":[0,0]}}"#)
    expect(entry("dtype", "a string", "3"), #"{"a":{"dtype":3,"shape":[],"data_offsets":[0,0]}}"#)
    expect(entry("shape", lengths, "missing"), #"{"a":{"dtype":"U8","data_offsets":[0,1]}}"#)
    for shape in ["[-1]", "[1.0]", "[1e2]", "7", "[null]", "[18446744073709551615]"] {
      expect(entry("shape", lengths, shape), #"{"a":{"dtype":"U8","shape":\#(shape),"data_offsets":[0,1]}}"#)
    }
    for offsets in ["[0]", "[0, 1, 2]", "[1, 0]", "[]"] {
      expect(
        entry("data_offsets", "a beginning and an end", offsets),
        #"{"a":{"dtype":"U8","shape":[1],"data_offsets":\#(offsets)}}"#, data: 1)
    }
    expect(
      entry("extra", "no such key", "1"), #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"extra":1}}"#)
    expect(
      .unknownType(file: Self.name, tensor: "a", found: "F33"),
      #"{"a":{"dtype":"F33","shape":[0],"data_offsets":[0,0]}}"#)
    expect(
      .invalidEntry(
        file: Self.name, tensor: "__metadata__", key: "k", expected: "a string", found: "1"),
      #"{"__metadata__":{"k":1}}"#)
  }

  @Test func sizesThatLie() {
    let large = "\(Int.max)"
    expect(
      .tensorTooLarge(file: Self.name, tensor: "a", shape: [.max, 2]),
      #"{"a":{"dtype":"U8","shape":[\#(large),2],"data_offsets":[0,1]}}"#, data: 1)
    expect(
      .tensorTooLarge(file: Self.name, tensor: "a", shape: [1 << 62]),
      #"{"a":{"dtype":"F32","shape":[\#(1 << 62)],"data_offsets":[0,1]}}"#, data: 1)
    expect(
      .wrongSize(file: Self.name, tensor: "a", expected: 8, found: 4),
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, data: 4)
    expect(
      .outOfRange(file: Self.name, tensor: "a", end: 8, limit: 7),
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, data: 7)
    expect(
      .outOfRange(file: Self.name, tensor: "a", end: .max, limit: 4),
      #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[\#(Int.max - 4),\#(large)]}}"#, data: 4)
  }

  @Test func coverage() {
    func two(_ first: (Int, Int), _ second: (Int, Int)) -> String {
      #"{"a":{"dtype":"U8","shape":[\#(first.1 - first.0)],"data_offsets":[\#(first.0),\#(first.1)]},"#
        + #""b":{"dtype":"U8","shape":[\#(second.1 - second.0)],"data_offsets":[\#(second.0),\#(second.1)]}}"#
    }
    expect(.overlappingTensors(file: Self.name, first: "a", second: "b"), two((0, 4), (3, 6)), data: 6)
    expect(.overlappingTensors(file: Self.name, first: "a", second: "b"), two((0, 4), (0, 4)), data: 4)
    expect(.hole(file: Self.name, offset: 4, byteCount: 1), two((0, 4), (5, 6)), data: 6)
    expect(.hole(file: Self.name, offset: 0, byteCount: 1), two((1, 4), (4, 6)), data: 6)
    expect(.hole(file: Self.name, offset: 6, byteCount: 2), two((0, 4), (4, 6)), data: 8)
    expect(.hole(file: Self.name, offset: 0, byteCount: 3), "{}", data: 3)
  }

  @Test func truncatedAnywhere() throws {
    let bytes = Self.draft.bytes()
    for count in 0..<bytes.count {
      #expect(throws: SafeTensorsError.self) {
        try SafeTensorsFile(bytes: Array(bytes[..<count]), name: Self.name)
      }
    }
  }

  /// One damaged byte is an error or another valid file, never a trap.
  @Test func damagedAnywhere() throws {
    let bytes = Self.draft.bytes()
    var random = SplitMix64(seed: 3)
    for _ in 0..<4000 {
      var copy = bytes
      copy[Int(random.next() % UInt64(copy.count))] = UInt8(truncatingIfNeeded: random.next())
      do {
        let file = try SafeTensorsFile(bytes: copy, name: Self.name)
        for tensor in file.tensors { #expect(file.bytes(of: tensor).count == tensor.byteCount) }
      } catch {}
    }
  }
}
