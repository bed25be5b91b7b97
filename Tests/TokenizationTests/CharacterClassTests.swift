import Testing

import Tokenization

struct CharacterClassTests {
  @Test func asciiAgreesWithTheUnicodeTables() {
    for byte in UInt8(0)..<0x80 {
      #expect(CharacterClass(ascii: byte) == CharacterClass(properties: Unicode.Scalar(byte)), "\(byte)")
    }
  }

  @Test func tableAgreesWithTheUnicodeTables() {
    for value in stride(from: UInt32(0), through: 0x10FFFF, by: 7) {
      let expected = Unicode.Scalar(value).map { CharacterClass(properties: $0) } ?? []
      #expect(CharacterClass(scalar: value) == expected)
    }
  }

  @Test func scalarsAreReadFromUTF8() {
    let text = "a\u{7F}\u{80}é\u{7FF}\u{800}中\u{FFFF}\u{10000}😀\u{10FFFF}"
    let bytes = text.utf8.span
    var position = 0
    for scalar in text.unicodeScalars {
      let (value, length) = bytes.scalar(at: position)
      #expect(value == scalar.value && length == UTF8.width(scalar))
      #expect(bytes.scalarLength(at: position) == length)
      position += length
    }
    #expect(position == bytes.count)
  }
}
