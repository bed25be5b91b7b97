import GGUF
import LoRA
import TestSupport
import Testing

/// Patterns of `rank_pattern` as PEFT matches them; the answers are those of Python's `re.match(rf"(.*\.)?({key})$", name)`.
@Suite struct ModulePatternTests {
  private static let q = "model.layers.1.self_attn.q_proj"

  @Test(arguments: [
    ("q_proj", true), ("self_attn.q_proj", true), ("proj", false), ("_proj", false), (".*proj", true),
    ("model.layers.1.self_attn.q_proj", true), ("layers.1", false), ("layers.1.*", true), ("^model.*", true),
    ("^q_proj", false), ("^layers.*", false), (#"layers\.1\.self_attn\.q_proj"#, true),
    (#"layers\.\d+\.self_attn\.[qk]_proj"#, true), (#"layers\.\d\d\..*"#, false), ("q_proj|k_proj", true),
    ("k_proj|q_proj", true), ("k_proj|v_proj", false), ("(q|k)_proj", true), ("(?:q|k)_proj", true),
    ("(?P<which>q|k)_proj", true), (#"layers\.[0-1]\..*\.q_proj"#, true), (#"layers\.[^0]\..*"#, true),
    (#"layers\.[^1]\..*"#, false), ("q_proj$", true), ("q_proj.", false), ("q.proj", true),
    (#"q\.proj"#, false),
    ("", false), (".*", true), ("q_pro+j", true), ("q_pro{2}j", false), ("q_pro{1,3}j", true),
    ("qx?_proj", true),
    ("(self|cross)_attn.q_proj", true), (#"\bq_proj"#, true), (#"\w+"#, true), (#"\W+"#, false),
    ("Q_PROJ", false),
    ("q_proj{}", false), ("(a*)*q_proj", true), ("((q)|(k))_(proj)", true), (#"\Amodel\..*\Z"#, true),
    ("[a-z_]+", true), ("[]q]_proj", true), ("[q-]_proj", true), ("q_{0}_proj", true), ("(q|)_proj", true),
  ]) func matchesAsPythonDoes(_ pattern: String, _ expected: Bool) throws {
    #expect(try Self.rank(Self.q, pattern: pattern) == (expected ? 3 : 2))
  }

  @Test(arguments: [
    "(", ")", "a)", "[", "[]", "[z-a]", "*", "+a", "?", "a**", "a+*", "|*", "\\", "(?=a)", "(?!a)", "(?<=a)",
    "(?i)a",
    "(a)\\1", "\\p{L}", "a{2,1}", "a{1001}", "(((a{1000}){1000}){1000})", "^*", "\\b+",
  ]) func refuses(_ pattern: String) {
    #expect {
      try Self.rank(Self.q, pattern: pattern)
    } throws: { error in
      if case AdapterError.invalidPattern(_, "rank_pattern", pattern, _) = error { true } else { false }
    }
  }

  @Test func isBounded() {
    for pattern in [String(repeating: "(", count: 1000), String(repeating: "a", count: 5000)] {
      #expect(throws: AdapterError.self) { try Self.rank(Self.q, pattern: pattern) }
    }
  }

  /// Patterns that make a backtracking matcher try 2ⁿ ways.
  @Test(
    .timeLimit(.minutes(1)),
    arguments: ["(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)*b", "(x+x+)+y", "(a?){500}a{500}"])
  func catastrophesAreNone(_ pattern: String) throws {
    let name = "model.layers.0." + String(repeating: "a", count: 400) + ".q_proj"
    #expect(try Self.rank(name, pattern: pattern) == 2)
  }

  /// Each pattern is tried with each module: that all of them together are bounded matters as much.
  @Test(.timeLimit(.minutes(1))) func manyPatternsAreBounded() {
    let patterns = (0..<20_000).map { "\"(.{0,1000}){4}(?:\($0))\": 4" }.joined(separator: ", ")
    #expect {
      try Self.rank(Self.q, patterns: "{\(patterns)}")
    } throws: { error in
      if case AdapterError.invalidSetting(_, "rank_pattern", _, _) = error { true } else { false }
    }
  }

  /// As EVA writes them: one for each of the modules of a large mixture of experts.
  @Test(.timeLimit(.minutes(1))) func aPatternForEachModule() throws {
    let names = (0..<48).flatMap { layer in
      (0..<384).map { "model.layers.\(layer).mlp.experts.\($0).up_proj" }
    }
    let patterns = names.map { "\"\($0)\": \($0 == names[18_000] ? 3 : 4)" }.joined(separator: ", ")
    #expect(try Self.rank(names[18_000], patterns: "{\(patterns)}") == 3)
  }

  /// The first pattern that matches counts, in the order of the text.
  @Test func theFirstMatchCounts() throws {
    #expect(try Self.rank(Self.q, patterns: #"{"k_proj": 5, ".*": 3, "q_proj": 4}"#) == 3)
    #expect(try Self.rank(Self.q, patterns: #"{"q_proj": 4, ".*": 3}"#) == 4)
  }

  private static func rank(_ module: String, pattern: String) throws -> Int {
    let escaped = pattern.replacing("\\", with: "\\\\")
    return try rank(module, patterns: "{\"\(escaped)\": 3}")
  }

  /// The rank that a configuration gives a module, read from which rank it accepts.
  private static func rank(_ module: String, patterns: String) throws -> Int {
    for rank in 2...5 {
      var draft = PEFTDraft()
      draft["r"] = "2"
      draft["rank_pattern"] = patterns
      draft.addPair(module, inputs: 4, outputs: 4, rank: rank)
      do {
        return try draft.adapter().pairs[0].rank
      } catch AdapterError.contradiction {}
    }
    return 0
  }
}
