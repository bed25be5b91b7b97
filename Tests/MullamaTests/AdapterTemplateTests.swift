import Foundation
import GGUF
import Mullama
import TestSupport
import Testing

/// Chat templates that lie beside adapters: which one a context has, and what is said about it.
@Suite struct AdapterTemplateTests {
  private static let simple =
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}[assistant]"
  private static let messages = [ChatMessage(role: "user", content: "hi")]

  private static func adapter(_ files: [String: String], norm: Float = 1.25) throws -> LoRAAdapter {
    try AdapterFolder(norm: norm, files).with { try LoRAAdapter.load($0) }
  }

  private static func adapter(jinja source: String, norm: Float = 1.25) throws -> LoRAAdapter {
    try adapter(["chat_template.jinja": source], norm: norm)
  }

  /// `mistral` has no template, `llama` has one.
  private static func model(_ name: String = "mistral") throws -> Model {
    try Model.load(ConformanceManifest.load(name).modelPath, options: ModelOptions(threads: 1))
  }

  private static func template(of model: Model) throws -> String {
    try #require(try GGUFFile.open(model.path).metadata.string("tokenizer.chat_template"))
  }

  private func text(_ context: Context) throws -> String {
    context.detokenize(try context.tokens(of: .chat(Self.messages)), skipSpecial: false)
  }

  private static func json(_ template: String) throws -> String {
    String(decoding: try JSONEncoder().encode([template]), as: UTF8.self).dropFirst().dropLast().description
  }

  @Test func whereItIsFound() throws {
    let quoted = try Self.json(Self.simple), other = try Self.json("{{ 1 }}")
    let tokenizer = "tokenizer_config.json"
    for (files, name, source) in [
      ([:], nil, nil), ([tokenizer: "{}"], nil, nil), ([tokenizer: "{\"chat_template\": null}"], nil, nil),
      (["chat_template.jinja": Self.simple], "chat_template.jinja", Self.simple),
      ([tokenizer: "{\"chat_template\": \(quoted)}"], tokenizer, Self.simple),
      (
        ["chat_template.jinja": "{{ 1 }}", tokenizer: "{\"chat_template\": \(quoted)}"],
        "chat_template.jinja", "{{ 1 }}"
      ),
      (
        [
          tokenizer:
            "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \(other)}, {\"name\": \"default\", \"template\": \(quoted)}]}"
        ], tokenizer, Self.simple
      ), ([tokenizer: "{\"chat_template\": [{\"name\": \"rag\", \"template\": \(other)}]}"], nil, nil),
    ] as [([String: String], String?, String?)] {
      let found = try Self.adapter(files).chatTemplate
      #expect(found.map { URL(fileURLWithPath: $0.file).lastPathComponent } == name)
      #expect(found?.source == source)
      #expect(found?.problem == nil)
    }
  }

  @Test func aModelWithoutATemplateTakesTheAdapters() async throws {
    let model = try Self.model()
    let adapter = try Self.adapter([
      "chat_template.jinja": Self.simple,
      "tokenizer_config.json": "{\"eos_token\": {\"content\": \"<end>\"}}",
    ])
    let file = try #require(adapter.chatTemplate?.file)
    let context = try Context(model, adapters: [(adapter, 0.5)])
    #expect(context.templateOrigin == .adapter(name: adapter.name, file: file))
    #expect(context.templateNotes == [.fromAdapter(name: adapter.name, file: file)])
    #expect(try text(context).hasSuffix("[user]hi<end>[assistant]"))
    let expected = try context.tokens(of: .chat(Self.messages))
    #expect(try context.tokens(of: .text("hi")) == expected)
    let completion = try await context.complete(.text("hi"), options: GenerationOptions(maxTokens: 1))
    #expect(completion.promptTokens == expected.count)
    // Not at scale 0, not for others, not if it is not wanted.
    for context in [
      try Context(model), try Context(model, adapters: [(adapter, 0)]),
      try Context(model, adapters: [(adapter, 1)], options: ContextOptions(template: .model)),
    ] {
      #expect(context.templateOrigin == .none && context.templateNotes.isEmpty)
      #expect(try context.tokens(of: .text("hi")) == model.tokens(of: .raw("hi")))
      #expect(throws: ModelError.noChatTemplate(file: model.path)) { try text(context) }
    }
    #expect(adapter.fit(to: model).template == .onlyHere)
  }

  /// Also under the names of the manager.
  @Test func namedAdaptersBringThem() throws {
    let model = try Self.model()
    let manager = LoRAManager(model)
    try manager.register(Self.adapter(jinja: Self.simple), name: "chat")
    guard case .adapter("chat", _) = try Context(model, named: [("chat", 1)]).templateOrigin else {
      Issue.record("no template of a chosen adapter")
      return
    }
    #expect(try Context(model).templateOrigin == .none)
    try manager.apply("chat", scale: 1)
    guard case .adapter("chat", _) = try Context(model).templateOrigin else {
      Issue.record("no template of an applied adapter")
      return
    }
    try manager.unapply("chat")
    #expect(try Context(model).templateOrigin == .none)
  }

  @Test func aModelWithATemplateKeepsIt() throws {
    let model = try Self.model("llama")
    let other = try Self.adapter(jinja: Self.simple)
    let file = try #require(other.chatTemplate?.file)
    let context = try Context(model, adapters: [(other, 1)])
    #expect(context.templateOrigin == .model)
    #expect(context.templateNotes == [.differs(name: other.name, file: file)])
    #expect(try context.tokens(of: .chat(Self.messages)) == model.tokens(of: .chat(Self.messages)))
    #expect(other.fit(to: model).template == .other)
    let chosen = try Context(model, adapters: [(other, 1)], options: ContextOptions(template: .adapter))
    #expect(chosen.templateOrigin == .adapter(name: other.name, file: file))
    #expect(chosen.templateNotes.isEmpty)
    #expect(try text(chosen).contains("[user]hi"))
  }

  /// What makes the same prompts is the same, however it is written.
  @Test func theSameTemplateIsNoNews() throws {
    let model = try Self.model("llama")
    let whole = try Self.template(of: model)
    for text in [whole, "{# as before #}" + whole] {
      let adapter = try Self.adapter(jinja: text)
      let context = try Context(model, adapters: [(adapter, 1)])
      #expect(context.templateOrigin == .model && context.templateNotes.isEmpty)
      #expect(adapter.fit(to: model).template == .same)
    }
  }

  @Test(arguments: ["{% if %}", "{{ raise_exception('no') }}", "{{ messages[0].content.foo() }}"])
  func whatCannotBeUsedIsSaid(_ source: String) throws {
    let adapter = try Self.adapter(jinja: source)
    let problem = try #require(adapter.chatTemplate?.problem)
    let file = try #require(adapter.chatTemplate?.file)
    for name in ["mistral", "llama"] {
      let model = try Self.model(name)
      let context = try Context(model, adapters: [(adapter, 1)])
      #expect(context.templateOrigin == (name == "llama" ? .model : .none))
      #expect(
        context.templateNotes == [.unusable(name: adapter.name, file: file, reason: "\(problem)")])
      #expect(adapter.fit(to: model).template == .unusable)
      #expect(throws: AdapterError.invalidTemplate(file: file, reason: "\(problem)")) {
        try Context(model, adapters: [(adapter, 1)], options: ContextOptions(template: .adapter))
      }
    }
  }

  @Test func twoThatDifferAreNotChosenFrom() throws {
    let model = try Self.model()
    let one = try Self.adapter(jinja: Self.simple)
    let same = try Self.adapter(jinja: "{# x #}" + Self.simple)
    let other = try Self.adapter(jinja: Self.simple + "!")
    let agreeing = try Context(model, adapters: [(one, 1), (same, 0.5)])
    #expect(agreeing.templateOrigin != .none && agreeing.templateNotes.count == 1)
    let differing = try Context(model, adapters: [(one, 1), (other, 0.5)])
    #expect(differing.templateOrigin == .none)
    #expect(differing.templateNotes == [.several(first: one.name, second: other.name)])
    let files = [one, other].compactMap(\.chatTemplate?.file)
    #expect(throws: AdapterError.templateConflict(first: files[0], second: files[1])) {
      try Context(
        model, adapters: [(one, 1), (other, 1)], options: ContextOptions(template: .adapter))
    }
    #expect(throws: AdapterError.noTemplate) {
      try Context(model, adapters: [], options: ContextOptions(template: .adapter))
    }
  }

  /// A converted adapter has its template with it, and a merged model too, if it had none.
  @Test func filesKeepIt() throws {
    let files = ["chat_template.jinja": Self.simple, "tokenizer_config.json": "{\"eos_token\": \"<end>\"}"]
    try AdapterFolder(files).with { folder in
      let adapter = try LoRAAdapter.load(folder)
      let model = try Self.model()
      try adapter.convert(to: folder + "/out.gguf", for: .model(model))
      let converted = try LoRAAdapter.load(folder + "/out.gguf")
      #expect(converted.chatTemplate?.source == Self.simple)
      let context = try Context(model, adapters: [(converted, 1)])
      #expect(try text(context).hasSuffix("[user]hi<end>[assistant]"))

      let merge = try model.merge([.init(adapter)], to: folder + "/merged.gguf")
      #expect(merge.templateFile == folder + "/chat_template.jinja")
      #expect(try Model.load(merge.path).hasChatTemplate)
      let own = try Self.model("llama").merge([.init(adapter)], to: folder + "/own.gguf")
      #expect(own.templateFile == nil)
      #expect(try Self.template(of: Model.load(own.path)) == Self.template(of: Self.model("llama")))
      #expect(try model.merge([.init(adapter, scale: 0)], to: folder + "/off.gguf").templateFile == nil)
    }
  }

  @Test func hostileFiles() throws {
    let large = String(repeating: "a", count: (1 << 20) + 1)
    for files in [
      ["chat_template.jinja": large], ["tokenizer_config.json": "{\"chat_template\": \"\(large)\"}"],
    ] {
      #expect {
        try Self.adapter(files)
      } throws: { error in
        if case AdapterError.invalidSetting = error { true } else { false }
      }
    }
    try AdapterFolder().with { folder in
      try Data([0x7B, 0xFF, 0xFE]).write(to: URL(fileURLWithPath: folder + "/chat_template.jinja"))
      #expect(
        throws: AdapterError.invalidConfiguration(
          file: folder + "/chat_template.jinja", reason: "not a UTF-8 text")
      ) { try LoRAAdapter.load(folder) }
    }
  }
}
