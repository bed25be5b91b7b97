import GGUF
import Testing

struct GGUFErrorTests {
  /// The facts that each sentence must hold.
  static let facts: [(GGUFError, [String])] = [
    (.missingFile(file: "m.gguf"), ["m.gguf", "no such file"]),
    (.directory(file: "models"), ["models", "folder"]),
    (.systemCall(file: "m.gguf", operation: "open", code: 13), ["m.gguf", "open", "Permission denied"]),
    (.notGGUF(file: "m.gguf", found: .safetensors), ["m.gguf", "safetensors", "Convert"]),
    (.notGGUF(file: "m.gguf", found: .unknown([1, 2])), ["[1, 2]"]),
    (.unsupportedVersion(file: "m.gguf", found: 1), ["version 1", "2 and 3", "Convert"]),
    (.unsupportedVersion(file: "m.gguf", found: 4), ["version 4", "newer release"]),
    (.bigEndian(file: "m.gguf"), ["big-endian"]),
    (
      .truncated(file: "m.gguf", place: .tensorData(tensor: "output.weight"), expected: 1000, found: 900),
      ["output.weight", "1000", "900", "100 are missing", "Fetch"]
    ),
    (.truncated(file: "m.gguf", place: .header, expected: .max, found: 900), ["the header", "900"]),
    (.invalidUTF8(file: "m.gguf", place: .value(key: "tokens"), index: 7), ["tokens", "index 7", "UTF-8"]),
    (
      .wrongType(file: "m.gguf", key: "k", expected: "integer", found: "string"),
      ["'k'", "integer", "string"]
    ),
    (.missingKey(file: "m.gguf", key: "k", expected: "float"), ["'k'", "float"]),
    (.unknownTensorType(file: "m.gguf", tensor: "t", found: 31), ["31", "Q4_0_4_4", "removed"]),
    (.unknownTensorType(file: "m.gguf", tensor: "t", found: 77), ["77", "newer release"]),
    (
      .partialBlock(file: "m.gguf", tensor: "t", type: "Q4_K", expected: 256, found: 64),
      ["Q4_K", "256", "64"]
    ),
    (.tensorTooLarge(file: "m.gguf", tensor: "t", dimensions: [4, 5]), ["4 × 5"]),
    (.splitName(file: "m.gguf", number: 2, count: 3), ["part 2 of 3", "model-00002-of-00003.gguf"]),
    (.missingPart(file: "m.gguf", number: 2, count: 3), ["part 2 of 3", "one folder"]),
    (.invalidAlignment(file: "m.gguf", found: 33), ["33", "power of two", "8", "1048576"]),
  ]

  @Test(arguments: facts)
  func saysWhatIsWrong(_ error: GGUFError, _ facts: [String]) {
    for fact in facts { #expect(error.description.contains(fact)) }
  }

  /// Names come from files: they must not drive the terminal that shows them, nor fill it.
  @Test func hostileNamesAreTamed() {
    let escape = GGUFError.duplicateKey(file: "f", key: "a\u{1B}[2J\n")
    #expect(!escape.description.unicodeScalars.contains { $0.properties.generalCategory == .control })
    let long = GGUFError.duplicateKey(file: "f", key: String(repeating: "k", count: 65_535))
    #expect(long.description.count < 400)
  }
}
