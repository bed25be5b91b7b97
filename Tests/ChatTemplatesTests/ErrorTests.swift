import Testing

import ChatTemplates

@Suite struct ErrorTests {
  @Test(arguments: [
    ("{{ x.y }}", ChatTemplateError.undefined(line: 1, reason: "'x' is undefined")),
    ("a\n{{ m.b.c }}", .undefined(line: 2, reason: "a dict has no attribute 'b'")),
    ("a\n\n{{ 1\n + m }}", .invalidOperation(line: 4, problem: "'+' does not apply to a int and a dict")),
    ("{% if true %}\n{{ raise_exception('no ' ~ 5) }}\n{% endif %}", .raised(line: 2, message: "no 5")),
    (
      "{% for x in [1] %}\n\n{{ [1].append(2) }}{% endfor %}",
      .forbidden(line: 3, attribute: "append", type: "list")
    ),
    ("{{ 'a'.__class__.x }}", .forbidden(line: 1, attribute: "__class__", type: "str")),
    ("\n{{ 2 ** 63 }}", .integerOverflow(line: 2, operation: "'**'")),
    ("{{ 9223372036854775807 + 1 }}", .integerOverflow(line: 1, operation: "'+'")),
    ("{{ 9223372036854775808 }}", .integerOverflow(line: 1, operation: "'9223372036854775808'")),
    ("{{ -(-9223372036854775807 - 1) }}", .integerOverflow(line: 1, operation: "'-'")),
    (
      "{% macro m() %}\n{{ nope() }}\n{% endmacro %}\n\n{{ m() }}",
      .undefined(line: 2, reason: "'nope' is undefined")
    ),
  ])
  func runtimeErrorsNameTheLine(template: String, expected: ChatTemplateError) throws {
    #expect(throws: expected) { try render(template, ["m": ["a": 1]]) }
  }

  @Test(arguments: [
    (
      "a\n{% if x %}",
      ChatTemplateError.unexpected(
        line: 2, found: "the end of the template", expected: "'elif' or 'else' or 'endif'")
    ),
    ("\n\n{{ x | nope }}", .unknownFilter(line: 3, name: "nope")),
    ("{{ x is nope }}", .unknownTest(line: 1, name: "nope")),
    ("\n{% nope %}", .unknownTag(line: 2, name: "nope")),
    ("{{ a b }}", .unexpected(line: 1, found: "'b'", expected: "'}}'")),
    ("\n{{ 'abc }}", .unexpected(line: 2, found: "the end of the template", expected: "the end of a string")),
    ("{% break %}", .invalidSyntax(line: 1, problem: "'break' outside a loop")),
    ("{{ (1] }}", .unexpected(line: 1, found: "']'", expected: "')'")),
  ])
  func syntaxErrorsNameTheLine(template: String, expected: ChatTemplateError) throws {
    #expect(throws: expected) { try ChatTemplate(template) }
  }

  @Test(arguments: [
    ("{% include 'x' %}", "the tag 'include'"), ("\n{% block b %}{% endblock %}", "the tag 'block'"),
    ("{% for x in y recursive %}{% endfor %}", "a recursive 'for'"),
    ("{{ lipsum() }}", "the function 'lipsum'"),
    ("{{ x | striptags }}", "the filter 'striptags'"), ("{{ 'a'.encode() }}", "'encode' of a str"),
    ("{{ '\\N{BULLET}' }}", "the string escape '\\N'"), ("{{ (-8) ** 0.5 }}", "a complex number"),
    ("{{ 'a'.upper }}", "printing a method"), ("{{ strftime_now('%G') }}", "the date format '%G'"),
    ("{{ [1][1:2, 3] }}", "a tuple of slices"),
  ])
  func whatIsLeftOutIsNamed(template: String, construct: String) throws {
    let line = template.hasPrefix("\n") ? 2 : 1
    #expect(throws: ChatTemplateError.unsupported(line: line, construct: construct)) { try render(template) }
  }

  @Test func wordingSaysWhereAndWhat() {
    #expect(
      "\(ChatTemplateError.unexpected(line: 3, found: "'b'", expected: "'}}'"))"
        == "chat template, line 3: expected '}}', found 'b'")
    #expect("\(ChatTemplateError.raised(line: 1, message: "no system role"))".hasSuffix("no system role"))
    #expect(
      "\(ChatTemplateError.limitExceeded(line: 2, limit: .callDepth, maximum: 9))"
        == "chat template, line 2: the depth of calls exceeds 9")
  }
}
