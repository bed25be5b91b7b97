import Testing

import ChatTemplates

@Suite struct TemplateValueTests {
  @Test func readsJSON() throws {
    let value = try TemplateValue(
      json: #" {"b": [1, -2.5, 1e3, true, false, null], "a": {"x": "\u00e9\ud83d\ude42\n\/"}} "#)
    #expect(value == ["b": [1, -2.5, 1000.0, true, false, .none], "a": ["x": "é🙂\n/"]])
  }

  @Test func keepsTheOrderOfKeys() throws {
    let source = #"{"z": 1, "a": {"y": 2, "b": 3}, "m": []}"#
    #expect(try render("{{ x | tojson }}", ["x": TemplateValue(json: source)]) == source)
  }

  @Test func aRepeatedKeyReplaces() throws {
    #expect(try TemplateValue(json: #"{"a": 1, "b": 2, "a": 3}"#) == ["a": 3, "b": 2])
  }

  @Test func largeIntegersBecomeDoubles() throws {
    #expect(try TemplateValue(json: "9223372036854775807") == .int(.max))
    #expect(try TemplateValue(json: "9223372036854775808") == .double(0x1p63))
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\"}", "{\"a\":}", "{a: 1}", "01", "1.", "-", "+1", "tru", "\"abc", "\"\\x\"",
    "\"\\u12\"",
    "\"\\ud800\"", "\"\n\"", "1 2", "[1 2]", "nul", "'a'", "{\"a\":1,}", "\"\\ud800\\u0041\"",
  ])
  func refusesWhatIsNotJSON(text: String) {
    #expect(throws: ChatTemplateError.self) { try TemplateValue(json: text) }
  }

  @Test(arguments: [
    (0.1, "0.1"), (1e16, "1e+16"), (123456789012345.6, "123456789012345.6"),
    (.leastNonzeroMagnitude, "5e-324"),
    (1e-5, "1e-05"),
    (-0.0, "-0.0"), (9.5e15, "9500000000000000.0"), (1.7976931348623157e308, "1.7976931348623157e+308"),
  ])
  func doublesPrintAsInPython(value: Double, text: String) {
    #expect(value.pythonText == text)
  }

  @Test(arguments: [
    (2.675, 2, "2.67"), (0.5, 0, "0"), (1.5, 0, "2"), (2.5, 0, "2"), (1e22, 1, "10000000000000000000000.0"),
    (0.000123, 5, "0.00012"), (999.9999, 2, "1000.00"), (.leastNonzeroMagnitude, 3, "0.000"),
    (0.05, 1, "0.1"),
  ])
  func fixedDigitsAreExact(value: Double, places: Int, text: String) {
    #expect(value.fixedDigits(places: places) == text)
  }
}
