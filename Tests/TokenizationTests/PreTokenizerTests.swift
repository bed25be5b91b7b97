import Testing

import Tokenization

struct PreTokenizerTests {
  /// Made by `make_pretokenizers.py`: for each pre-tokenizer the UTF-8 lengths of the pieces of each text.
  struct Golden: Decodable {
    let texts: [String]
    let pieces: [String: [[Int]]]
  }

  static let golden = Result { try Fixtures.decode(Golden.self, "pretokenizers.json") }
  static let goldenNames = [
    "default", "gpt-2", "smollm", "llama-bpe", "minicpm5", "qwen2", "qwen35", "bailingmoe", "seed-coder",
    "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon", "tekken", "gpt-4o", "bloom", "viking",
  ]

  static func lengths(_ text: String, _ rules: [SplitRule]) -> [Int] {
    let bytes = text.utf8.span
    var start = 0
    return PreTokenizer.pieceEnds(bytes, from: 0, to: bytes.count, rules: rules).map { end in
      defer { start = end }
      return end - start
    }
  }

  @Test(arguments: goldenNames) func splitsAsTheRegularExpressionDoes(_ name: String) throws {
    let golden = try PreTokenizerTests.golden.get()
    let rules = try PreTokenizer(named: name).rules
    let expected = try #require(golden.pieces[name])
    #expect(expected.count == golden.texts.count && expected.count >= 400)
    for (text, pieces) in zip(golden.texts, expected) {
      #expect(PreTokenizerTests.lengths(text, rules) == pieces, "\(text.debugDescription)")
    }
  }

  @Test func everyGoldenPreTokenizerIsTested() throws {
    #expect(try Set(PreTokenizerTests.golden.get().pieces.keys) == Set(PreTokenizerTests.goldenNames))
    let families = try Set(PreTokenizerTests.goldenNames.map { try PreTokenizer(named: $0) })
    // dbrx and its like split as Llama 3 does; they differ in what comes behind.
    #expect(families.union([.cl100k]) == Set(PreTokenizer.allCases))
  }

  @Test(arguments: PreTokenizer.allCases) func namesFindTheirFamily(_ family: PreTokenizer) throws {
    #expect(!family.names.isEmpty)
    for name in family.names {
      #expect(try PreTokenizer(named: name) == family)
    }
  }

  @Test func namesAreDistinct() {
    let names = PreTokenizer.allCases.flatMap(\.names)
    #expect(Set(names).count == names.count)
  }

  @Test func unknownNameIsRefusedWithTheKnownOnes() {
    let error = #expect(throws: TokenizerError.self) { try PreTokenizer(named: "gpt-9") }
    guard case .unknownPreTokenizer("gpt-9", let known) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(known.contains("qwen2") && known == known.sorted())
  }

  /// Texts on which a scanner that starts anew at each position would take quadratic time.
  @Test(arguments: PreTokenizer.allCases) func longRunsTakeLinearTime(_ family: PreTokenizer) {
    let count = 50_000
    let runs = ["a", "A", " ", "\n", "\r", "7", "'", "é", "中", "\u{301}", "\u{200D}", "😀", "/"]
    for run in runs {
      let text = String(repeating: run, count: count)
      for (before, after) in [("", ""), ("", "x"), ("1", "A"), (" ", " ")] {
        let whole = before + text + after
        #expect(PreTokenizerTests.lengths(whole, family.rules).reduce(0, +) == whole.utf8.count)
      }
    }
  }

  @Test func pieceIsSplitOnItsOwn() {
    // Inside a larger text the range's end is the end of the text: the white space is trailing.
    let text = "a  b"
    let ends = PreTokenizer.pieceEnds(text.utf8.span, from: 0, to: 3, rules: PreTokenizer.gpt2.rules)
    #expect(ends == [1, 3])
    #expect(PreTokenizer.pieceEnds(text.utf8.span, from: 2, to: 2, rules: PreTokenizer.gpt2.rules).isEmpty)
  }
}
