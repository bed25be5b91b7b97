import GGUF
import Testing

import Tokenization

/// Vocabularies that are not what they should be.
struct VocabularyTests {
  static func changed(_ name: String, _ change: (inout Vocabulary) -> Void) throws -> Vocabulary {
    var vocabulary = try Fixtures.vocabulary(name)
    change(&vocabulary)
    return vocabulary
  }

  func expect(_ error: TokenizerError, _ name: String = "bpe-qwen2", _ change: (inout Vocabulary) -> Void)
    throws
  {
    let vocabulary = try VocabularyTests.changed(name, change)
    #expect(throws: error) { try Tokenizer(vocabulary) }
  }

  @Test func arraysMustFitTheTokens() throws {
    try expect(.noTokens(key: "tokenizer.ggml.tokens")) { $0.tokens = [] }
    try expect(.lengthMismatch(key: "tokenizer.ggml.token_type", expected: 320, found: 319)) {
      $0.types?.removeLast()
    }
    try expect(.lengthMismatch(key: "tokenizer.ggml.scores", expected: 512, found: 513), "spm-llama") {
      $0.scores?.append(0)
    }
    try expect(.unknownTokenType(key: "tokenizer.ggml.token_type", id: 3, found: 7)) { $0.types?[3] = 7 }
    try expect(.unknownTokenType(key: "tokenizer.ggml.token_type", id: 3, found: .max)) {
      $0.types?[3] = .max
    }
    try expect(.scoreNotANumber(key: "tokenizer.ggml.scores", id: 300), "spm-llama") {
      $0.scores?[300] = .nan
    }
  }

  @Test func neededArraysMustBeThere() throws {
    try expect(.missingKey(key: "tokenizer.ggml.merges")) { $0.merges = nil }
    try expect(.missingKey(key: "tokenizer.ggml.scores"), "spm-llama") { $0.scores = nil }
    #expect(throws: TokenizerError.missingKey(key: "tokenizer.ggml.model")) { try Tokenizer([:] as Metadata) }
    #expect(throws: TokenizerError.missingKey(key: "tokenizer.ggml.tokens")) {
      try Tokenizer(["tokenizer.ggml.model": .string("gpt2")] as Metadata)
    }
  }

  @Test func otherModelsAreNamed() {
    for name in ["t5", "bert", "rwkv", "plamo2", ""] {
      #expect(throws: TokenizerError.unsupportedModel(name: name, supported: ["gpt2", "llama"])) {
        try Tokenizer(["tokenizer.ggml.model": .string(name)] as Metadata)
      }
    }
  }

  @Test func valuesOfTheWrongTypeAreRefused() {
    #expect(throws: GGUFError.self) { try Tokenizer(["tokenizer.ggml.model": .uint32(1)] as Metadata) }
    #expect(throws: GGUFError.self) {
      try Tokenizer(
        ["tokenizer.ggml.model": .string("gpt2"), "tokenizer.ggml.tokens": .array(.int32([1]))] as Metadata)
    }
  }

  @Test func tokensMustBeDistinct() throws {
    func duplicate(_ text: String, _ first: Int, _ second: Int) -> TokenizerError {
      .duplicateToken(key: "tokenizer.ggml.tokens", text: text, first: first, second: second)
    }
    try expect(duplicate("!", 0, 9)) { $0.tokens[9] = "!" }
    try expect(duplicate("<|im_end|>", 318, 319)) { $0.tokens[319] = "<|im_end|>" }
    try expect(duplicate("!", 0, 319)) { $0.tokens[319] = "!" }
    // An empty token is never found, so there may be several.
    let empty = try VocabularyTests.changed("bpe-qwen2") {
      $0.tokens += ["", ""]
      $0.types? += [1, 3]
    }
    #expect(try Tokenizer(empty).vocabularyCount == 322)
  }

  @Test func idsMustBeInTheVocabulary() throws {
    let range = 0..<320
    try expect(.idOutOfRange(key: "tokenizer.ggml.bos_token_id", expected: range, found: 320)) {
      $0.bos = 320
    }
    try expect(.idOutOfRange(key: "tokenizer.ggml.eos_token_id", expected: range, found: -2)) { $0.eos = -2 }
    try expect(.idOutOfRange(key: "tokenizer.ggml.eot_token_id", expected: range, found: .max)) {
      $0.endOfTurn = .max
    }
    try expect(.idOutOfRange(key: "tokenizer.ggml.eom_token_id", expected: range, found: .min)) {
      $0.endOfMessage = .min
    }
    try expect(.idOutOfRange(key: "tokenizer.ggml.unknown_token_id", expected: range, found: 1000)) {
      $0.unknown = 1000
    }
    try expect(.idOutOfRange(key: "tokenizer.ggml.padding_token_id", expected: range, found: 320)) {
      $0.padding = 320
    }
  }

  @Test func addedTokensMustBeNamed() throws {
    try expect(
      .missingSpecialToken(key: "tokenizer.ggml.bos_token_id", neededBy: "tokenizer.ggml.add_bos_token")
    ) {
      $0.bos = nil
      $0.addsBOS = true
    }
    try expect(
      .missingSpecialToken(key: "tokenizer.ggml.eos_token_id", neededBy: "tokenizer.ggml.add_eos_token")
    ) {
      $0.eos = nil
      $0.addsEOS = true
    }
  }

  @Test func mergesMustBeOfTheVocabulary() throws {
    let key = "tokenizer.ggml.merges"
    for text in ["", " ", "a", "ab", "a ", "  "] {
      try expect(.malformedMerge(key: key, index: 2, text: text)) { $0.merges?[2] = text }
    }
    for text in ["q q", "a b c", "é a", "\u{1F600} a"] {
      try expect(.mergeOutsideVocabulary(key: key, index: 2, text: text)) { $0.merges?[2] = text }
    }
  }

  @Test func bytesAreNeededIfNothingIsUnknown() throws {
    try expect(.missingByteToken(key: "tokenizer.ggml.tokens", byte: 0), "spm-llama") {
      $0.tokens[3] = "<0xZZ>"
      $0.unknown = nil
    }
  }

  @Test func aByteWithoutATokenIsLeftOutButSeparates() throws {
    let whole = try Fixtures.tokenizer("bpe-qwen2")
    let the = whole.encode(" th", addSpecial: false, parseSpecial: false)
    #expect(the.count == 1)
    // 0x13 is written "ē" in the file; without it the parts around it do not merge.
    let vocabulary = try VocabularyTests.changed("bpe-qwen2") {
      let index = $0.tokens.firstIndex(of: "\u{113}")!
      $0.tokens[index] = "unused"
    }
    let tokenizer = try Tokenizer(vocabulary)
    #expect(tokenizer.encode("\u{13}", addSpecial: false, parseSpecial: false).isEmpty)
    let parts = tokenizer.encode("!!\u{13}!", addSpecial: false, parseSpecial: false)
    #expect(parts == [0, 0, 0])
  }

  @Test func aCharacterWithoutBytesIsUnknown() throws {
    let vocabulary = try VocabularyTests.changed("spm-llama") { $0.tokens[3 + 0xB8] = "<0xZZ>" }
    let tokenizer = try Tokenizer(vocabulary)
    let a = try #require(tokenizer.tokenID(for: "a"))
    let space = try #require(tokenizer.tokenID(for: " "))
    #expect(tokenizer.encode("中a", addSpecial: false, parseSpecial: false) == [space, 0, a])
  }

  @Test func specialTokensAreNotTooLong() throws {
    let text = String(repeating: "x", count: 1025)
    try expect(.tokenTooLong(key: "tokenizer.ggml.tokens", id: 319, limit: 1024, found: 1025)) {
      $0.tokens[319] = text
    }
  }

  @Test func minusOneMeansNoToken() throws {
    let metadata: Metadata = [
      "tokenizer.ggml.model": .string("llama"),
      "tokenizer.ggml.tokens": .array(.string(["<unk>", "a"])),
      "tokenizer.ggml.scores": .array(.float32([0, 0])),
      "tokenizer.ggml.unknown_token_id": .uint32(0),
      "tokenizer.ggml.bos_token_id": .uint32(.max),
      "tokenizer.ggml.padding_token_id": .int32(-1),
    ]
    let tokenizer = try Tokenizer(metadata)
    #expect(tokenizer.bos == nil && tokenizer.padding == nil && !tokenizer.addsBOS && tokenizer.unknown == 0)
    #expect(tokenizer.encode("ab", addSpecial: true, parseSpecial: false) == [0, 1, 0])
  }

  @Test func everyErrorSaysKeyExpectedAndFound() {
    let text = TokenizerError.lengthMismatch(key: "tokenizer.ggml.scores", expected: 3, found: 2).description
    #expect(text == "tokenizer.ggml.scores has 2 elements; expected 3, one for each of tokenizer.ggml.tokens")
    let id = TokenizerError.idOutOfRange(key: "tokenizer.ggml.bos_token_id", expected: 0..<10, found: 10)
      .description
    #expect(id == "tokenizer.ggml.bos_token_id is 10; expected 0 to 9")
  }
}
