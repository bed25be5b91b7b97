import Foundation
import GGUF
import Mullama
import TestSupport
import Testing

/// Generation through the public library, on a tiny model.
@Suite struct ContextTests {
  static func model(_ precision: Precision = .fast) throws -> Model {
    try Model.load(
      ConformanceManifest.load("llama").modelPath, options: ModelOptions(threads: 2, precision: precision))
  }

  static func adapter(_ name: String) throws -> LoRAAdapter {
    try LoRAAdapter.load(ConformanceManifest.load("llama").adapterPath(name))
  }

  /// The logits behind a short prompt, with what is applied to the model.
  static func logits(_ model: Model) throws -> [Float] {
    let session = try model.makeSession(ContextOptions(length: 16))
    _ = try session.prefill([5, 6, 7, 8])
    return session.withLogits { Array($0) }
  }

  private let greedy = GenerationOptions(maxTokens: 24, sampling: .greedy, ignoresEnd: true)

  @Test func generateStreamAndCompleteAgree() async throws {
    let context = try Context(try Self.model())
    let whole = try await context.generate("The licensee may", maxTokens: 24, sampling: .greedy)
    var streamed = ""
    for try await piece in context.stream("The licensee may", maxTokens: 24, sampling: .greedy) {
      streamed += piece
    }
    let completion = try await context.complete(
      .text("The licensee may"), options: GenerationOptions(maxTokens: 24, sampling: .greedy))
    #expect(whole == streamed)
    #expect(whole == completion.text)
    #expect(!whole.isEmpty)
  }

  /// A prompt that begins like the one before is evaluated only where it differs, to the same logits.
  @Test func sharedBeginningsAreReused() async throws {
    let model = try Self.model(.reference)
    let context = try Context(model), fresh = try Context(model)
    let first = try await context.complete(.tokens([5, 6, 7, 8, 9]), options: greedy)
    #expect(first.reusedTokens == 0)
    let again = try await context.complete(.tokens([5, 6, 7, 8, 20, 21]), options: greedy)
    #expect(again.reusedTokens == 4)
    #expect(try await fresh.complete(.tokens([5, 6, 7, 8, 20, 21]), options: greedy).tokens == again.tokens)
    await context.reset()
    #expect(try await context.complete(.tokens([5, 6, 7, 8, 20, 21]), options: greedy).reusedTokens == 0)
  }

  @Test func seedsRepeat() async throws {
    let model = try Self.model()
    func tokens(_ seed: UInt64) async throws -> [Int32] {
      let options = GenerationOptions(
        maxTokens: 32, sampling: SamplingOptions(temperature: 1.5, seed: seed), ignoresEnd: true)
      return try await Context(model).complete(.tokens([5, 6, 7]), options: options).tokens
    }
    #expect(try await tokens(1) == tokens(1))
    #expect(try await tokens(1) != tokens(2))
  }

  @Test func stopStringsEndTheText() async throws {
    let context = try Context(try Self.model())
    let whole = try await context.complete(.tokens([5, 6, 7]), options: greedy)
    let text = whole.text
    try #require(text.count >= 6)
    let stop = String(
      text[text.index(text.startIndex, offsetBy: 3)..<text.index(text.startIndex, offsetBy: 5)])
    var options = greedy
    options.stop = [stop]
    let stopped = try await context.complete(.tokens([5, 6, 7]), options: options)
    #expect(stopped.finishReason == .stop)
    #expect(!stopped.text.contains(stop))
    #expect(text.hasPrefix(stopped.text))
    #expect(whole.finishReason == .length)
  }

  /// The context fills up: as many tokens as fit, and one that need not be evaluated.
  @Test func endsWhereTheContextEnds() async throws {
    let context = try Context(try Self.model(), options: ContextOptions(length: 10))
    var options = greedy
    options.maxTokens = nil
    let completion = try await context.complete(.tokens([5, 6, 7]), options: options)
    #expect(completion.tokens.count == 8)
    #expect(completion.finishReason == .length)
  }

  @Test func refusesWhatDoesNotFit() async throws {
    let model = try Self.model()
    let context = try Context(model, options: ContextOptions(length: 8))
    await #expect(throws: ModelError.contextExceeded(limit: 8, requested: 9)) {
      try await context.complete(.tokens([Int32](repeating: 5, count: 9)))
    }
    await #expect(throws: ModelError.emptyPrompt) { try await context.complete(.tokens([])) }
    await #expect(throws: ModelError.tokenOutOfRange(token: 320, vocabulary: 320)) {
      try await context.complete(.tokens([5, 320]))
    }
    #expect(throws: ModelError.invalidContextLength(0)) {
      try Context(model, options: ContextOptions(length: 0))
    }
    #expect(throws: ModelError.invalidBatchSize(0)) {
      try Context(model, options: ContextOptions(batchSize: 0))
    }
    // It still works.
    #expect(try await context.complete(.tokens([5, 6]), options: greedy).tokens.count == 7)
  }

  @Test func leavingAStreamEndsTheGeneration() async throws {
    let context = try Context(try Self.model(), options: ContextOptions(length: 4096))
    var options = greedy
    options.maxTokens = 4000
    for try await piece in context.stream(.tokens([5, 6, 7]), options: options) where !piece.isEmpty { break }
    // The context serves the next one soon, rather than after 4000 tokens.
    #expect(try await context.complete(.tokens([9, 10]), options: greedy).tokens.count == 24)
  }

  @Test func loadRefusesWhatIsNoModel() throws {
    let path = try ConformanceManifest.load("llama").adapterPath("lora")
    #expect(throws: ModelError.isAdapter(file: path)) { try Model.load(path) }
    let model = try ConformanceManifest.load("llama").modelPath
    #expect(throws: ModelError.invalidThreadCount(0)) {
      try Model.load(model, options: ModelOptions(threads: 0))
    }
    #expect(throws: AdapterError.self) { try LoRAAdapter.load(model) }
    #expect(throws: GGUFError.self) { try Model.load(model + ".missing") }
  }

  /// `mistral` has no template: a chat is refused, a text is continued as it is.
  @Test func withoutATemplateTextIsRaw() throws {
    let model = try Model.load(ConformanceManifest.load("mistral").modelPath)
    #expect(!model.hasChatTemplate)
    #expect(throws: ModelError.noChatTemplate(file: model.path)) {
      try model.tokens(of: .chat([ChatMessage(role: "user", content: "hi")]))
    }
    #expect(try model.tokens(of: .text("hi there")) == model.tokens(of: .raw("hi there")))
  }

  /// A folder, either of its files, or the GGUF file: the same adapter.
  @Test(arguments: ["", "/adapter_model.safetensors", "/adapter_config.json"])
  func aPEFTFolderIsLoaded(_ file: String) async throws {
    let manifest = try ConformanceManifest.load("llama")
    let model = try Model.load(manifest.modelPath, options: ModelOptions(precision: .reference))
    let tokens = Prompt.tokens([1, 2, 3, 4, 5])
    let converted = try LoRAAdapter.load(manifest.adapterPath("lora"))
    let adapter = try LoRAAdapter.load(manifest.peftPath("lora") + file)
    #expect(adapter.architecture == nil)
    #expect(adapter.alpha == 8)
    #expect(adapter.targets.count == converted.targets.count)
    #expect(adapter.problems(with: model).isEmpty)
    let options = GenerationOptions(
      maxTokens: 12, sampling: SamplingOptions(temperature: 0), ignoresEnd: true)
    let base = try await Context(model).complete(tokens, options: options)
    let expected = try await Context(model, adapters: [(converted, 1)]).complete(tokens, options: options)
    let found = try await Context(model, adapters: [(adapter, 1)]).complete(tokens, options: options)
    #expect(found.tokens == expected.tokens)
    #expect(found.tokens != base.tokens)
  }

  /// The chat template, the tokenizer and the real vocabulary together give the reference's ids.
  @Test(.needsSmolLM2) func aRealChatPromptHasTheReferenceTokens() throws {
    let model = try Model.load(TestModels.requireSmolLM2())
    let manifest = try SmolLM2Manifest.load()
    #expect(manifest.prompts.count == 6)
    for prompt in manifest.prompts {
      #expect(try model.tokens(of: .text(prompt.user)) == prompt.tokens.map { Int32($0) })
      #expect(model.detokenize(prompt.tokens.map { Int32($0) }, skipSpecial: false) == prompt.text)
    }
  }
}
