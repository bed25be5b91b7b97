import Foundation
import Mullama
import TestSupport
import Testing

/// The README's examples, run on small models. Each stands here as it stands there; only `path` puts a fixture in the
/// place of a file's name.
@Suite struct ReadmeTests {
  private func path(_ name: String) -> String { ReadmeFiles.path(name) }

  /// The examples print what a random model makes up, control characters included: here nobody wants to see it.
  private func print(_ items: Any..., terminator: String = "\n") {}

  @Test func examplesAreThoseOfTheReadme() throws {
    let examples = try ReadmeFiles.examples()
    #expect(examples.count >= 6)
    let tests = ReadmeFiles.normalized(try String(contentsOfFile: #filePath, encoding: .utf8))
    for example in examples {
      let lines = example.split(separator: "\n", omittingEmptySubsequences: false)
      // Imports stand at the top of a file, here as in an app.
      let code = lines.filter { !$0.hasPrefix("import ") }.joined(separator: "\n")
      #expect(tests.contains(ReadmeFiles.normalized(code)), "not among the tests:\n\(code)")
      for line in lines where line.hasPrefix("import ") { #expect(tests.contains(line)) }
    }
  }

  @Test func fourSteps() async throws {
    let model = try Model.load(path("base.gguf"))
    let adapter = try LoRAAdapter.load(path("adapter.gguf"))
    try model.applyAdapter(adapter, scale: 0.5)  // default scale 1.0
    let context = try Context(model)  // captures the adapters applied now
    let text = try await context.generate("Hello!", maxTokens: 100)

    #expect(model.adapters.map(\.scale) == [0.5])
    print(text)
    let prompt = try model.tokens(of: .text("Hello!")).count
    // The last token generated is not evaluated.
    #expect(await (prompt..<prompt + 100).contains(context.tokenCount))
  }

  @Test func stream() async throws {
    let context = try Context(Model.load(path("base.gguf")))

    for try await piece in context.stream("Hello!", maxTokens: 100) {
      print(piece, terminator: "")
    }

    #expect(await context.tokenCount > 0)
  }

  @Test func manager() throws {
    let model = try Model.load(path("base.gguf"))
    let code = try LoRAAdapter.load(path("code.gguf"))
    let style = try LoRAAdapter.load(path("style.gguf"))

    let manager = LoRAManager(model)
    try manager.add(code, scale: 0.8, name: "code")
    try manager.add(style, scale: 0.5, name: "style")
    try manager.setScale(0.3, of: "style")
    try manager.remove("code")  // new contexts see the change; running ones are untouched

    #expect(manager.adapters.map(\.name) == ["style"])
    #expect(manager["style"]?.scale == 0.3)
  }

  @Test func budgetAndGenerations() throws {
    let model = try Model.load(path("base.gguf"))
    let manager = LoRAManager(model)
    try manager.add(LoRAAdapter.load(path("style.gguf")), name: "style")

    try manager.setBudget(500_000_000)  // bytes, of all adapters together
    try manager.register(path: path("code.gguf"), name: "code")  // known, but not applied
    let chosen = try Context(model, named: [(name: "code", scale: 0.8)])
    for entry in manager.residency {
      print(entry.name, entry.byteCount, entry.ranks, entry.isResident, entry.runningContexts)
    }
    if let style = manager["style"] {
      try manager.setScale(0.4, of: "style", expecting: style.generation)
    }

    #expect(manager.residency.map(\.runningContexts) == [0, 1])
    #expect(manager.adapters.map(\.scale) == [0.4])
    withExtendedLifetime(chosen) {}
  }

  @Test func contextsOfTheirOwn() async throws {
    let model = try Model.load(path("base.gguf"))
    let code = try LoRAAdapter.load(path("code.gguf"))
    let style = try LoRAAdapter.load(path("style.gguf"))

    let plain = try Context(model, adapters: [])
    let both = try Context(model, adapters: [(adapter: code, scale: 0.8), (adapter: style, scale: 0.5)])

    let options = GenerationOptions(maxTokens: 20, sampling: .greedy, ignoresEnd: true)
    let base = try await plain.complete(.raw("Hello!"), options: options)
    let adapted = try await both.complete(.raw("Hello!"), options: options)
    #expect(base.tokens != adapted.tokens)
    #expect(model.adapters.isEmpty)
  }

  @Test func conversation() async throws {
    let model = try Model.load(path("base.gguf"))
    let context = try Context(model)

    let completion = try await context.complete(
      .chat([
        ChatMessage(role: "system", content: "Answer in one sentence."),
        ChatMessage(role: "user", content: "What is a monad?"),
      ]),
      options: GenerationOptions(
        maxTokens: 64, sampling: SamplingOptions(temperature: 0.2, topP: 0.9, seed: 7), stop: ["\n\n"]))
    print(completion.text, completion.finishReason, completion.decodeTokensPerSecond)

    #expect(completion.seed == 7)
    #expect(completion.tokens.count <= 64)
    // The template adds what marks the speakers.
    let words = model.tokenize("Answer in one sentence.What is a monad?").count
    #expect(completion.promptTokens > words)
  }

  @Test func refusal() throws {
    let model = try Model.load(Fixtures.path("qwen2/model.gguf"))
    let adapter = try LoRAAdapter.load(path("adapter.gguf"))

    do {
      try model.applyAdapter(adapter)
    } catch let error as AdapterError {
      print(error)  // what was expected, what was found; nothing has changed
    }

    #expect(model.adapters.isEmpty)
    #expect(!adapter.problems(with: model).isEmpty)
  }
}
