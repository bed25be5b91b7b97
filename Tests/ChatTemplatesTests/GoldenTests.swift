import Testing

import ChatTemplates

/// Everything renders exactly as jinja2 renders it, and fails where it fails.
@Suite struct GoldenTests {
  @Test func snippets() throws {
    let cases = try Golden.snippets()
    #expect(cases.count > 350)
    for golden in cases { check(golden) }
  }

  @Test(arguments: [
    "chatml", "deepseek-shaped", "gemma-shaped", "llama2-shaped", "llama3-shaped", "mistral-shaped",
    "phi3-shaped",
    "qwen2.5", "smollm2", "thinking-tools", "typescript-tools", "xml-tools", "zephyr-shaped",
  ])
  func conversations(template: String) throws {
    let cases = try Golden.conversations(of: template + ".jinja")
    #expect(cases.count == 10)
    #expect(cases.contains { $0.output != nil })
    for golden in cases { check(golden) }
  }

  private func check(_ golden: Golden.Case) {
    do {
      let output = try render(golden.template, golden.context)
      #expect(output.unicodeScalars.elementsEqual((golden.output ?? "").unicodeScalars), "\(golden.name)")
      #expect(golden.output != nil, "jinja2 refuses \(golden.name)")
    } catch {
      #expect(golden.output == nil, "\(golden.name): \(error)")
      if let line = golden.line {
        #expect((error as? ChatTemplateError)?.line == line, "\(golden.name): \(error)")
      }
      if let message = golden.message {
        guard case ChatTemplateError.raised(_, message) = error else {
          Issue.record("\(golden.name): \(error)")
          return
        }
      }
    }
  }
}
