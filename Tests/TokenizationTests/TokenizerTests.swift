import Testing

import Tokenization

/// Against the ids of transformers, tokenizers and SentencePiece.
struct TokenizerTests {
  @Test(arguments: Fixtures.bytePair + Fixtures.sentencePiece) func encodesAsTheReference(_ name: String)
    throws
  {
    let tokenizer = try Fixtures.tokenizer(name)
    let cases = try Fixtures.cases(name)
    #expect(cases.count >= 16)
    for sample in cases {
      let ids = tokenizer.encode(sample.text, addSpecial: false, parseSpecial: sample.parseSpecial)
      #expect(ids == sample.ids, "\(sample.text.debugDescription)")
    }
  }

  @Test(arguments: Fixtures.bytePair + Fixtures.sentencePiece) func decodesTheReference(_ name: String) throws
  {
    let tokenizer = try Fixtures.tokenizer(name)
    for sample in try Fixtures.cases(name) {
      let text = tokenizer.decode(sample.ids, skipSpecial: false)
      #expect(Array(text.utf8) == Array(sample.text.utf8))
    }
  }

  @Test(arguments: Fixtures.bytePair + Fixtures.sentencePiece) func anyTextComesBack(_ name: String) throws {
    let tokenizer = try Fixtures.tokenizer(name)
    var random = SplitMix(state: 42)
    for _ in 0..<2_000 {
      let text = random.text()
      let ids = tokenizer.encode(text, addSpecial: false, parseSpecial: false)
      #expect(ids.allSatisfy { !tokenizer.isControl($0) })
      var expected = text
      if name.hasPrefix("spm") {
        // SentencePiece does not tell "▁" from a space.
        expected.unicodeScalars = .init(text.unicodeScalars.map { $0 == "▁" ? " " : $0 })
      }
      #expect(Array(tokenizer.decode(ids, skipSpecial: false).utf8) == Array(expected.utf8))
    }
  }

  @Test func controlTokensAreTextUnlessParsed() throws {
    let tokenizer = try Fixtures.tokenizer("bpe-qwen2")
    let end = try #require(tokenizer.tokenID(for: "<|im_end|>"))
    #expect(tokenizer.isControl(end) && tokenizer.isEndOfGeneration(end))
    let text = "a<|im_end|>b"
    let parsed = tokenizer.encode(text, addSpecial: false, parseSpecial: true)
    #expect(parsed.count == 3 && parsed[1] == end)
    #expect(!tokenizer.encode(text, addSpecial: false, parseSpecial: false).contains(end))
    #expect(tokenizer.decode(parsed, skipSpecial: true) == "ab")
    #expect(tokenizer.decode(parsed, skipSpecial: false) == text)
  }

  @Test func addsBOSWhereTheModelWantsIt() throws {
    let llama = try Fixtures.tokenizer("bpe-llama3")
    #expect(llama.addsBOS && llama.bos == 316 && llama.eos == 318)
    #expect(llama.encode("", addSpecial: true, parseSpecial: false) == [316])
    #expect(llama.encode("a", addSpecial: true, parseSpecial: false) == [316, 64])
    let qwen = try Fixtures.tokenizer("bpe-qwen2")
    #expect(!qwen.addsBOS && qwen.encode("a", addSpecial: true, parseSpecial: false) == [64])
    var vocabulary = try Fixtures.vocabulary("bpe-llama3")
    vocabulary.addsBOS = nil
    vocabulary.addsEOS = true
    #expect(try Tokenizer(vocabulary).encode("a", addSpecial: true, parseSpecial: false) == [316, 64, 318])
    vocabulary.preTokenizer = "qwen2"
    #expect(try Tokenizer(vocabulary).encode("a", addSpecial: true, parseSpecial: false) == [64, 318])
  }

  @Test func spacePrefixStandsAtTheStartAndBehindSpecialTokens() throws {
    let tokenizer = try Fixtures.tokenizer("spm-llama")
    let a = try #require(tokenizer.tokenID(for: " a"))
    let bare = try #require(tokenizer.tokenID(for: "a"))
    #expect(tokenizer.encode("a", addSpecial: true, parseSpecial: true) == [1, a])
    #expect(tokenizer.encode("a</s>a", addSpecial: false, parseSpecial: true) == [a, 2, a])
    let gemma = try Fixtures.tokenizer("spm-gemma")
    #expect(!gemma.addsSpacePrefix)
    #expect(
      gemma.encode("a", addSpecial: true, parseSpecial: true) == [2, try #require(gemma.tokenID(for: "a"))])
    #expect(bare != a)
  }

  /// A token with a space inside makes the whole text one word; that must not change what does not hold the token.
  @Test(arguments: Fixtures.sentencePiece) func wordsOneByOneAreTheWholeText(_ name: String) throws {
    let tokenizer = try Fixtures.tokenizer(name)
    var vocabulary = try Fixtures.vocabulary(name)
    vocabulary.tokens.append("\u{1}▁\u{1}")
    vocabulary.types?.append(1)
    vocabulary.scores?.append(0)
    let whole = try Tokenizer(vocabulary)
    var random = SplitMix(state: 11)
    for _ in 0..<500 {
      let text = random.text() + " " + random.text()
      let ids = tokenizer.encode(text, addSpecial: false, parseSpecial: false)
      #expect(whole.encode(text, addSpecial: false, parseSpecial: false) == ids)
    }
  }

  @Test func phi3SpecialTokensTakeTheWhitespaceBehindThem() throws {
    let tokenizer = try Fixtures.tokenizer("spm-phi3")
    let user = try #require(tokenizer.tokenID(for: "<|user|>"))
    let a = try #require(tokenizer.tokenID(for: " a"))
    #expect(tokenizer.encode("<|user|>\n \ta", addSpecial: false, parseSpecial: true) == [user, a])
    let end = try #require(tokenizer.tokenID(for: "<|endoftext|>"))
    #expect(tokenizer.encode("<|endoftext|>\n", addSpecial: false, parseSpecial: true).count > 1)
    #expect(tokenizer.isEndOfGeneration(end))
  }

  @Test func endOfGenerationIsKnownByIDsAndByText() throws {
    #expect(try Fixtures.tokenizer("spm-gemma").endOfGeneration == [1, 5])
    #expect(try Fixtures.tokenizer("spm-llama").endOfGeneration == [2])
    var vocabulary = try Fixtures.vocabulary("bpe-qwen2")
    vocabulary.endOfTurn = 10
    vocabulary.endOfMessage = 11
    let tokenizer = try Tokenizer(vocabulary)
    #expect(tokenizer.endOfGeneration == [10, 11, 316, 318])
    // Ordinary tokens that read so are text.
    vocabulary.types = [Int](repeating: 1, count: vocabulary.tokens.count)
    #expect(try Tokenizer(vocabulary).endOfGeneration == [10, 11, 318])
  }

  @Test func harmonyMessagesDoNotEndTheAnswer() throws {
    var vocabulary = try Fixtures.vocabulary("bpe-qwen2")
    vocabulary.tokens += ["<|end|>", "<|return|>", "<|call|>"]
    vocabulary.types? += [3, 3, 3]
    #expect(try Tokenizer(vocabulary).endOfGeneration == [316, 318, 321, 322])
  }

  @Test func longestSpecialTokenWins() throws {
    var vocabulary = try Fixtures.vocabulary("bpe-qwen2")
    vocabulary.tokens += ["<t>", "<t><u>", "<t><u><v>"]
    vocabulary.types? += [4, 3, 4]
    let tokenizer = try Tokenizer(vocabulary)
    #expect(tokenizer.encode("<t><u><v>", addSpecial: false, parseSpecial: true) == [322])
    #expect(tokenizer.encode("<t><u><v>", addSpecial: false, parseSpecial: false) == [322])
    #expect(tokenizer.encode("<t><u>", addSpecial: false, parseSpecial: true) == [321])
    #expect(tokenizer.encode("<t><u>", addSpecial: false, parseSpecial: false).first == 320)
  }

  @Test func canonicallyEquivalentTokensAreDistinct() throws {
    var vocabulary = try Fixtures.vocabulary("bpe-qwen2")
    vocabulary.tokens += ["\u{E9}!", "e\u{301}!"]
    vocabulary.types? += [4, 4]
    let tokenizer = try Tokenizer(vocabulary)
    #expect(tokenizer.encode("e\u{301}!\u{E9}!", addSpecial: false, parseSpecial: false) == [321, 320])
  }

  @Test func idsOutsideTheVocabularyHaveNoText() throws {
    let tokenizer = try Fixtures.tokenizer("bpe-qwen2")
    #expect(tokenizer.decode([-1, 64, 320, .max, .min], skipSpecial: false) == "a")
    #expect(tokenizer.bytes(of: 320).isEmpty && !tokenizer.isControl(-1))
    #expect(tokenizer.bytes(of: 220) == [0x20] && tokenizer.vocabularyCount == 320)
  }

  @Test(arguments: Fixtures.bytePair + Fixtures.sentencePiece) func aMegabyteOfAnythingIsEncoded(
    _ name: String
  ) throws {
    let tokenizer = try Fixtures.tokenizer(name)
    for pattern in ["a", " ", "the", "<|im_end|", "é"] {
      let text = String(repeating: pattern, count: 1_000_000 / pattern.utf8.count)
      let ids = tokenizer.encode(text, addSpecial: false, parseSpecial: true)
      #expect(tokenizer.decode(ids, skipSpecial: false) == text)
    }
  }

  @Test func severalThreadsMayUseOneTokenizer() async throws {
    let tokenizer = try Fixtures.tokenizer("bpe-llama3")
    let text = try Fixtures.cases("bpe-llama3").map(\.text).joined(separator: " ")
    let expected = tokenizer.encode(text, addSpecial: true, parseSpecial: true)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask { tokenizer.encode(text, addSpecial: true, parseSpecial: true) == expected }
      }
      for await isEqual in group { #expect(isEqual) }
    }
  }
}
