import GGUF
import Testing

struct ForeignFormatTests {
  static let starts: [([UInt8], ForeignFormat)] = [
    (little(UInt64(1234)) + [0x7B, 0x22], .safetensors),
    (Array("PK\u{3}\u{4}rest".utf8), .zip),
    ([0x80, 0x02, 0x8A, 0x0A], .pickle),
    ([0x1F, 0x8B, 0x08, 0x00], .gzip),
    ([0x28, 0xB5, 0x2F, 0xFD], .zstandard),
    (Array("<!DOCTYPE html>".utf8), .webPage),
    (Array("\n <html lang".utf8), .webPage),
    (Array("<?xml version=\"1.0\"?><Error>".utf8), .webPage),
    (Array("version https://git-lfs.github.com/spec/v1\noid".utf8), .gitLFSPointer),
    (Array("{\"error\": 1}".utf8), .json),
    (Array("tjgg\u{1}\0\0\0".utf8), .legacyGGML),
    (Array("algg\u{1}\0\0\0".utf8), .legacyGGML),
    ([1, 2, 3, 4, 5, 6], .unknown([1, 2, 3, 4])),
    ([0xFF], .unknown([0xFF])),
    (Array("gguf\u{3}\0\0\0".utf8), .unknown(Array("gguf".utf8))),
  ]

  @Test(arguments: starts)
  func isRecognized(_ bytes: [UInt8], _ format: ForeignFormat) {
    #expect(throws: GGUFError.notGGUF(file: "f", found: format)) { try GGUFFile(bytes: bytes, name: "f") }
  }
}
