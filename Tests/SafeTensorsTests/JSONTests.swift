import Foundation
import SafeTensors
import Testing

@Suite struct JSONTests {
  private func parse(_ text: String) throws(JSONError) -> JSON { try JSON.parse(Array(text.utf8)) }

  @Test func values() throws {
    let root = try parse(
      " {\"a\": [1, -2.5e3, true, null, \"x\\n\\u00e9\\uD83D\\uDE00é\"], \"\": {}, \"b\":false}\n")
    #expect(root["a"]?.array?.count == 5)
    #expect(root["a"]?.array?[0].int == 1)
    #expect(root["a"]?.array?[1].double == -2500)
    #expect(root["a"]?.array?[1].int == nil)
    #expect(root["a"]?.array?[2] == .bool(true))
    #expect(root["a"]?.array?[3] == .null)
    #expect(root["a"]?.array?[4].string == "x\né😀é")
    #expect(root[""]?.members?.isEmpty == true)
    #expect(root["b"]?.bool == false)
    #expect(root.members?.map(\.key) == ["a", "", "b"])
    #expect(root["c"] == nil)
  }

  @Test(arguments: [
    "", " ", "{", "[", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "01", "-", "1.", ".5", "1e",
    "+1",
    "nul", "truee", "NaN", "Infinity", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
    "'a'",
    "[1 2]", "{\"a\":1 \"b\":2}", "1 1", "\u{FEFF}1", "{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"\\u0062\":2}}",
    "[[[",
  ]) func refuses(_ text: String) {
    #expect(throws: JSONError.self) { try parse(text) }
  }

  /// A member is found without the rest being taken apart.
  @Test func members() throws {
    func member(_ text: String) throws(JSONError) -> JSON? {
      try JSON.members(["k"], of: Array(text.utf8))["k"]
    }
    // Several in one pass, each once; what follows the last one is not looked at.
    let several = try JSON.members(
      ["a", "b", "c"], of: Array(#"{"b": 1, "x": {"a": 0}, "a": [2], "b": 3, "c": null} garbage"#.utf8))
    #expect(several == ["a": .array([.number("2")]), "b": .number("1"), "c": .null])
    #expect(try JSON.members(["a"], of: Array(#"{"a": 1, nonsense"#.utf8)) == ["a": .number("1")])
    #expect(throws: JSONError.self) { try JSON.members(["a", "b"], of: Array(#"{"a": 1, nonsense"#.utf8)) }
    #expect(
      try member(#" { "k" : [1, {"k": 2}] , "#) == .array([.number("1"), .object(["k"], [.number("2")])]))
    #expect(try member(#"{"a": {"k": 1}, "b": "k\": \"{", "c": [["]"], -1.5], "k":true}"#) == .bool(true))
    #expect(try member(#"{"a": 1, "k": "x"}"#) == .string("x"))
    #expect(try member("{}") == nil)
    #expect(try member(#"{"a": "k", "kk": 1}"#) == nil)
    for wrong in [
      "", "[1]", "{", #"{"a""#, #"{"a": "#, #"{"a": [1}"#, #"{"a": 1 "k": 2}"#, #"{"k": [1,,2]}"#, "{k: 1}",
    ] {
      #expect(throws: JSONError.self, "\(wrong)") { try member(wrong) }
    }
  }

  @Test func invalidUTF8() {
    #expect(throws: JSONError.self) { try JSON.parse([0x22, 0xFF, 0x22]) }
    #expect(throws: JSONError.self) { try JSON.parse([0x22, 0xC0, 0x80, 0x22]) }
  }

  @Test func isBounded() throws {
    let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
    #expect(throws: JSONError.self) { try parse(deep) }
    let many = "[" + String(repeating: "0,", count: 50) + "0]"
    #expect(throws: JSONError.self) { try JSON.parse(Array(many.utf8), valueLimit: 50) }
    #expect(try JSON.parse(Array(many.utf8), valueLimit: 52).array?.count == 51)
  }

  /// Foundation's parser, as a judge: what it reads is the same here, but for keys that appear twice.
  @Test(arguments: [
    "[0, -0, 1E2, 1.25, \"\\\"\\\\\\/\\b\\f\\r\\t\"]", "{\"k\": {\"l\": [[], {}]}}", "\"\\ud834\\udd1e\"",
  ]) func agreesWithFoundation(_ text: String) throws {
    let expected = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    #expect(Self.matches(try parse(text), expected))
  }

  private static func matches(_ value: JSON, _ other: Any) -> Bool {
    switch value {
    case .null: other is NSNull
    case .bool(let flag): other as? Bool == flag
    case .number: other as? Double == value.double
    case .string(let text): other as? String == text
    case .array(let values):
      (other as? [Any]).map { $0.count == values.count && zip(values, $0).allSatisfy(matches) } ?? false
    case .object(let keys, let values):
      (other as? [String: Any]).map { object in
        object.count == keys.count
          && zip(keys, values).allSatisfy { key, value in object[key].map { matches(value, $0) } ?? false }
      } ?? false
    }
  }

  @Test func excerptsAreJSON() throws {
    for text in ["\"a\\\\b\\\"c\\n\\u0001é\"", "{\"\\\\.\": [1, true, null, {}]}"] {
      let value = try parse(text)
      #expect(try parse(value.excerpt(1000)) == value)
    }
  }

  @Test func excerptsAreShort() throws {
    #expect(try parse("[1,{\"a\":null}]").excerpt() == "[1, {\"a\": null}]")
    #expect(try parse("[\"\(String(repeating: "x", count: 500))\"]").excerpt(20).count == 20)
  }
}
