import Testing

import Tokenization

struct StreamingDecoderTests {
  /// A vocabulary whose first 256 tokens are the bytes, so that any byte string is some tokens.
  static func byteTokenizer() throws -> Tokenizer {
    var vocabulary = Vocabulary(model: .llama, tokens: (0..<256).map { "<0x\(hex($0))>" } + ["<s>", "▁a"])
    vocabulary.types = [Int](repeating: 6, count: 256) + [3, 1]
    vocabulary.scores = [Float](repeating: 0, count: 258)
    return try Tokenizer(vocabulary)
  }

  static func hex(_ byte: Int) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return byte < 16 ? "0" + digits : digits
  }

  @Test func everyScalarComesOutWholeWithItsLastByte() throws {
    let tokenizer = try StreamingDecoderTests.byteTokenizer()
    for text in [
      "a", "é", "中", "😀", "\u{7FF}", "\u{800}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}", "\u{D7FF}", "\u{E000}",
    ] {
      var decoder = StreamingDecoder(tokenizer)
      let bytes = Array(text.utf8)
      for byte in bytes.dropLast() { #expect(decoder.append(Int32(byte)).isEmpty) }
      #expect(decoder.append(Int32(bytes.last!)) == text)
      #expect(decoder.finish().isEmpty)
    }
  }

  @Test func brokenTailBecomesOneReplacementCharacter() throws {
    let tokenizer = try StreamingDecoderTests.byteTokenizer()
    for bytes in [[0xC3], [0xE4, 0xB8], [0xF0, 0x9F, 0x98]] as [[Int32]] {
      var decoder = StreamingDecoder(tokenizer)
      #expect(decoder.append(65) == "A")
      for byte in bytes { #expect(decoder.append(byte).isEmpty) }
      #expect(decoder.finish() == "\u{FFFD}")
      #expect(decoder.append(65) == "A")
    }
  }

  @Test func piecesJoinToTheWholeForAnyBytes() throws {
    let tokenizer = try StreamingDecoderTests.byteTokenizer()
    var random = SplitMix(state: 7)
    let leads: [UInt8] = [
      0x41, 0x80, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xA0, 0x9F, 0xE4, 0xED, 0xF0, 0x90, 0x8F, 0xF4, 0xF5, 0xFF,
    ]
    for _ in 0..<20_000 {
      let ids = (0..<Int.random(in: 0...8, using: &random)).map { _ in
        Int32(
          Bool.random(using: &random)
            ? leads.randomElement(using: &random)! : UInt8.random(in: 0...255, using: &random))
      }
      var decoder = StreamingDecoder(tokenizer)
      var joined = ""
      for id in ids { joined += decoder.append(id) }
      joined += decoder.finish()
      #expect(joined.unicodeScalars.elementsEqual(tokenizer.decode(ids, skipSpecial: true).unicodeScalars))
    }
  }

  @Test(arguments: Fixtures.bytePair + Fixtures.sentencePiece) func piecesJoinToTheReference(_ name: String)
    throws
  {
    let tokenizer = try Fixtures.tokenizer(name)
    for sample in try Fixtures.cases(name) {
      var decoder = StreamingDecoder(tokenizer, skipSpecial: false)
      let pieces = sample.ids.map { decoder.append($0) }
      #expect((pieces.joined() + decoder.finish()).utf8.elementsEqual(sample.text.utf8))
    }
  }

  @Test func leadingSpaceIsTakenAwayOnlyAtTheStart() throws {
    let tokenizer = try StreamingDecoderTests.byteTokenizer()
    var decoder = StreamingDecoder(tokenizer)
    let pieces = ([256, 257, 257] as [Int32]).map { decoder.append($0) }
    #expect(pieces == ["", "a", " a"])
    #expect(decoder.finish().isEmpty)
    #expect(decoder.append(257) == "a")
    var continuing = StreamingDecoder(tokenizer, continuing: true)
    #expect(continuing.append(257) == " a")
    #expect(tokenizer.decode([256, 257, 257], skipSpecial: true) == "a a")
    #expect(tokenizer.decode([256, 257], skipSpecial: false) == "<s>a")
  }
}
