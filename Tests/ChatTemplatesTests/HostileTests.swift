import Dispatch
import Foundation
import Synchronization
import Testing

import ChatTemplates

/// A template that wants to exhaust memory, time or stack gets an error, and soon.
@Suite struct HostileTests {
  private func limit(of template: String, _ context: [String: TemplateValue] = [:]) -> ChatTemplateError
    .Limit?
  {
    do {
      _ = try render(template, context)
      return nil
    } catch {
      guard case ChatTemplateError.limitExceeded(_, let limit, _) = error else { return nil }
      return limit
    }
  }

  private func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

  @Test func deepSyntaxIsRefused() {
    let deep = 20_000
    for (open, close) in [
      ("(", ")"), ("[", "]"), ("{1:", "}"), ("f(", ")"), ("x[", "]"), ("1 + (", ")"), ("x | e(", ")"),
      ("x is in(", ")"),
    ] {
      #expect(
        limit(of: "{{ " + repeated(open, deep) + "1" + repeated(close, deep) + " }}") == .nesting, "\(open)")
    }
    for prefix in ["-", "not ", "1 if x else "] {
      #expect(limit(of: "{{ " + repeated(prefix, deep) + "1 }}") == .nesting, "\(prefix)")
    }
    for suffix in [".a", " + 1", "[0]", "()", "|e", " and 1", " if 1", " * 2 - 1"] {
      #expect(limit(of: "{{ x" + repeated(suffix, deep) + " }}") == .nesting, "\(suffix)")
    }
    for tag in [
      "{% if x %}", "{% for x in y %}", "{% macro m() %}", "{% set x %}", "{% with %}", "{% filter e %}",
    ] {
      #expect(limit(of: repeated(tag, 5000)) == .nesting, "\(tag)")
    }
    #expect(limit(of: "{% set " + repeated("(", deep) + "a") == .nesting)
  }

  @Test func longFlatSourcesAreFine() throws {
    let branches = repeated("{% elif x == 2 %}b", 5000)
    #expect(try render("{% if x == 1 %}a" + branches + "{% else %}c{% endif %}", ["x": 3]) == "c")
    #expect(try render("{{ " + repeated("'a' ~ ", 5000) + "'b' }}").count == 5001)
    #expect(try render("{{ [" + repeated("1,", 5000) + "] | length }}") == "5000")
  }

  @Test(arguments: [
    ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", ChatTemplateError.Limit.callDepth),
    ("{% macro m(x=m()) %}{% endmacro %}{{ m() }}", .callDepth),
    ("{% macro m() %}{% call m() %}{% endcall %}{{ caller }}{% endmacro %}{{ m() }}", .callDepth),
    ("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", .steps),
    ("{{ range(100001) }}", .rangeLength),
    ("{{ range(-9223372036854775807, 9223372036854775807) }}", .rangeLength),
    ("{{ 'a' * 100000000 }}", .textBytes),
    ("{{ 'abc' * 9223372036854775807 }}", .textBytes),
    ("{{ [1] * 9223372036854775807 }}", .listLength),
    ("{{ 'x'.center(9223372036854775807) }}", .textBytes),
    ("{{ 'x'.zfill(99999999999) }}", .textBytes),
    ("{{ 'x' | indent(99999999999, true) }}", .textBytes),
    ("{{ [1] | tojson(indent=99999999999) }}", .textBytes),
    ("{{ '\t'.expandtabs(9999999999) }}", .textBytes),
    ("{{ [1] | batch(9999999999, 0) | list }}", .listLength),
    ("{{ [1] | slice(9999999999) | list }}", .listLength),
    (
      "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      .textBytes
    ),
    (
      "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
      .textBytes
    ),
    (
      "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s.replace('', ns.s) %}{% endfor %}",
      .textBytes
    ),
    (
      "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] | join(ns.s) %}{% endfor %}",
      .textBytes
    ),
    (
      "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
      .listLength
    ),
    (
      "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
      .textBytes
    ),
    (
      "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}",
      .textBytes
    ),
    (
      "{% set ns = namespace(l=[1], k=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}"
        + "{% set ns.k = [ns.k, ns.k] %}{% endfor %}{{ ns.l == ns.k }}", .steps
    ),
    (
      "{% set ns = namespace(l=(1,)) %}{% for i in range(60) %}{% set ns.l = (ns.l, ns.l) %}{% endfor %}{{ {ns.l: 1} }}",
      .steps
    ),
    (
      "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}",
      .valueNesting
    ),
    (
      "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = {'a': ns.l} %}{% endfor %}",
      .valueNesting
    ),
    (
      "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] | map('list') %}{% endfor %}",
      .valueNesting
    ),
    (
      "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = cycler(ns.l) %}{% endfor %}",
      .valueNesting
    ),
    ("{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}", .callDepth),
    ("{% for i in range(100000) %}{{ 'a' * 1000 }}{% endfor %}", .outputBytes),
    ("{% set s = 'a' * 10000000 %}{% for i in range(100000) %}{% set x = s.upper() %}{% endfor %}", .steps),
    ("{% set s = 'a' * 10000000 %}{% for i in range(100000) %}{% set x = 'b' in s %}{% endfor %}", .steps),
    ("{% set s = 'a' * 10000000 %}{% for i in range(100000) %}{% set x = s == s + '' %}{% endfor %}", .steps),
  ])
  func costIsBounded(template: String, expected: ChatTemplateError.Limit) {
    #expect(limit(of: template) == expected)
  }

  @Test func longSearchesAreLinear() throws {
    // A naive search compares 16 million times half a million bytes here.
    let context: [String: TemplateValue] = [
      "s": .string(repeated("a", 4_000_000)), "p": .string(repeated("a", 500_000) + "b"),
    ]
    #expect(try render("{{ p in s }}{{ s.rfind(p) }}{{ s.count(p) }}", context) == "False-10")
  }

  @Test func selfReferencesAreFreed() throws {
    // Under a leak checker this shows cycles; here, that chains of objects are not freed recursively.
    let template = """
      {% set ns = namespace(x=0) %}{% for i in range(50000) %}{% set inner = namespace(x=ns.x) %}\
      {% set inner.me = inner %}{% set ns.x = inner %}{% endfor %}ok
      """
    #expect(try render(template) == "ok")
    let macros = """
      {% set ns = namespace(m=0) %}{% for i in range(50000) %}{% set before = ns.m %}\
      {% macro m() %}{{ before }}{% endmacro %}{% set ns.m = m %}{% endfor %}ok
      """
    #expect(try render(macros) == "ok")
  }

  @Test func valuesNestedTooDeepAreRefused() {
    var value: TemplateValue = 1
    for _ in 0..<250 { value = .array([value]) }
    #expect(limit(of: "{{ x }}", ["x": value]) == .valueNesting)
    #expect(throws: ChatTemplateError.self) { try TemplateValue(json: repeated("[", 100_000)) }
  }

  @Test func sourceSizeIsBounded() {
    #expect(limit(of: repeated("a", (1 << 20) + 1)) == .sourceBytes)
  }

  @Test func theDeepestEvaluationFitsASmallStack() {
    // Some platforms give the threads that run tasks 512 kB. Lists take the most stack for a level of depth.
    let source =
      "{% macro m(n) %}{{ " + repeated("[", 70) + "m(n + 1)" + repeated("]", 70)
      + " }}{% endmacro %}{{ m(0) }}"
    let outcome = Mutex<ChatTemplateError.Limit?>(nil)
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      let limit = self.limit(of: source)
      outcome.withLock { $0 = limit }
      done.signal()
    }
    thread.stackSize = 512 << 10
    thread.start()
    done.wait()
    #expect(outcome.withLock { $0 } == .callDepth)
  }
}
