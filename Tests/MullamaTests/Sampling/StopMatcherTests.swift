import Mullama
import Testing

struct StopMatcherTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let text: String
    let stops: [String]
    var testDescription: String { "\(text.debugDescription) \(stops)" }
  }

  static let cases = [
    Case(text: "Hello\n\nUser: hi", stops: ["\nUser:", "\n\nAssistant"]),
    Case(text: "aabaabaaabaaab!", stops: ["aabaaab", "aaab!"]),
    Case(text: "aabaaabaaac.", stops: ["aabaaac"]),
    Case(text: "abcd", stops: ["abcd", "bc"]),
    Case(text: "abcabx", stops: ["abcabd", "cabx", "abx"]),
    Case(text: "xabc", stops: ["c", "bc", "abc"]),
    Case(text: "stop at the very end</s>", stops: ["</s>"]),
    Case(text: "it could have been </", stops: ["</s>"]),
    Case(text: "</s></s>", stops: ["</s>"]),
    Case(text: "line\r\nnext", stops: ["\n"]),
    Case(text: "cafe\u{301} crème 👩‍👩‍👧 fin", stops: ["👧"]),
    Case(text: "cafe\u{301}", stops: ["e"]),
    Case(text: "èéê", stops: ["é"]),
    Case(text: "日本語日本誤", stops: ["日本誤", "語語"]),
    Case(text: "nothing stops this", stops: []),
    Case(text: "nor this", stops: ["", ""]),
    Case(text: "", stops: ["a"]),
    Case(text: "a", stops: ["a"]),
  ]

  /// The definition, on the whole text: the match that ends first, the longest of those.
  static func naive(_ text: String, _ stops: [String]) -> (text: String, match: String?) {
    let bytes = Array(text.utf8)
    for end in 0...bytes.count {
      let matches = stops.filter { !$0.isEmpty && bytes[..<end].suffix($0.utf8.count).elementsEqual($0.utf8) }
      if let match = matches.max(by: { $0.utf8.count < $1.utf8.count }) {
        return (String(decoding: bytes[..<(end - match.utf8.count)], as: UTF8.self), match)
      }
    }
    return (text, nil)
  }

  /// How much of a text without a match must be held back: its longest end that begins a stop string.
  static func heldCount(_ text: String, _ stops: [String]) -> Int {
    let bytes = Array(text.utf8)
    return (0...bytes.count).last { length in
      stops.contains { $0.utf8.count > length && $0.utf8.prefix(length).elementsEqual(bytes.suffix(length)) }
    } ?? 0
  }

  /// Feeds the pieces and checks after each that exactly the safe text has been given out.
  static func check(_ pieces: [String], _ stops: [String], sourceLocation: SourceLocation = #_sourceLocation)
  {
    let expected = naive(pieces.joined(), stops)
    var matcher = StopMatcher(stops)
    var fed = ""
    var given = ""
    for piece in pieces {
      fed += piece
      given += matcher.feed(piece)
      let soFar = naive(fed, stops)
      #expect(matcher.match == soFar.match, sourceLocation: sourceLocation)
      let held = soFar.match == nil ? heldCount(fed, stops) : 0
      #expect(given.utf8.elementsEqual(soFar.text.utf8.dropLast(held)), sourceLocation: sourceLocation)
    }
    given += matcher.finish()
    #expect(given.utf8.elementsEqual(expected.text.utf8), sourceLocation: sourceLocation)
    #expect(matcher.match == expected.match, sourceLocation: sourceLocation)
    #expect(matcher.finish().isEmpty, sourceLocation: sourceLocation)
  }

  @Test(arguments: cases)
  func findsTheSameWhereverThePiecesAreCut(_ example: Case) {
    let scalars = Array(example.text.unicodeScalars)
    func piece(_ range: Range<Int>) -> String {
      String(String.UnicodeScalarView(scalars[range]))
    }
    for first in 0...scalars.count {
      for second in first...scalars.count {
        Self.check(
          [piece(0..<first), piece(first..<second), piece(second..<scalars.count)], example.stops)
      }
    }
    Self.check(scalars.map { String($0) }, example.stops)
  }

  @Test(arguments: 0..<600 as Range<UInt64>)
  func agreesWithTheDefinitionOnRandomText(seed: UInt64) {
    var generator = RandomGenerator(seed: seed)
    let alphabet: [Character] = seed.isMultiple(of: 2) ? ["a", "a", "b", "é"] : ["a", "b"]
    func random(_ lengths: ClosedRange<Int>) -> String {
      let length = Int.random(in: lengths, using: &generator)
      return String((0..<length).map { _ in alphabet.randomElement(using: &generator)! })
    }
    let longest = seed.isMultiple(of: 2) ? 6 : 9
    let stops = (0..<Int.random(in: 1...4, using: &generator)).map { _ in random(0...longest) }
    let pieces = (0..<40).map { _ in random(0...5) }
    Self.check(pieces, stops)
  }

  @Test func statesTheRulesInExamples() {
    var matcher = StopMatcher(["END", "\n\n"])
    #expect(matcher.feed("The E") == "The ")
    #expect(matcher.feed("N") == "")
    #expect(matcher.feed("T\n") == "ENT")
    #expect(matcher.feed("x\n\nmore") == "\nx")
    #expect(matcher.match == "\n\n")
    #expect(matcher.feed("END") == "")
    #expect(matcher.finish() == "")

    matcher = StopMatcher(["END"])
    #expect(matcher.feed("The EN") == "The ")
    #expect(matcher.finish() == "EN")
    #expect(matcher.match == nil)
  }
}
