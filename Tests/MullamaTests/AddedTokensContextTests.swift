import Foundation
import Mullama
import TestSupport
import Testing

/// Contexts whose adapters add tokens: in prompts, in logits, in text.
@Suite struct AddedTokensContextTests {
  private static let count = 322

  /// A folder as a training with two added tokens leaves it; the files stay mapped when it is gone.
  private static func adapter(_ texts: [(text: String, isSpecial: Bool)]) throws -> LoRAAdapter {
    var weights = SafeTensorsDraft()
    var random = SplitMix64(seed: 3)
    for name in ["model.embed_tokens", "lm_head"] {
      weights.put(
        "base_model.model.\(name).weight", [count, 64], random.normals(count * 64, deviation: 0.3))
    }
    let entries = texts.enumerated().map {
      "\"\(320 + $0)\": {\"content\": \"\($1.text)\", \"special\": \($1.isSpecial)}"
    }
    return try withTemporaryDirectory { folder in
      for (name, text) in [
        "adapter_config.json": "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8}",
        "tokenizer_config.json": "{\"added_tokens_decoder\": {\(entries.joined(separator: ", "))}}",
      ] { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
      try Data(weights.bytes()).write(to: folder.appendingPathComponent("adapter_model.safetensors"))
      return try LoRAAdapter.load(folder.path)
    }
  }

  private static func adapter() throws -> LoRAAdapter {
    try adapter([("<tool>", true), ("mytoken", false)])
  }

  private func options(_ token: Int32, _ count: Int = 3) -> GenerationOptions {
    GenerationOptions(
      maxTokens: count, sampling: SamplingOptions(temperature: 0, logitBias: [token: 1000]))
  }

  @Test func promptsAndTextsKnowThem() async throws {
    let model = try ContextTests.model()
    let context = try Context(model, adapters: [(Self.adapter(), 1)])
    #expect(context.vocabularySize == Self.count && model.vocabularySize == 320)
    let tokens = try context.tokens(of: .raw("a<tool>b mytoken."))
    #expect(tokens.filter { $0 >= 320 } == [320, 321])
    #expect(context.detokenize(tokens, skipSpecial: false).hasSuffix("a<tool>b mytoken."))
    #expect(context.detokenize(tokens).hasSuffix("ab mytoken."))
    // Text that is no prompt of ours has no control tokens, but always whole words.
    #expect(try model.tokens(of: .raw("a<tool>b mytoken.")).allSatisfy { $0 < 320 })
    let chat = try context.tokens(of: .chat([ChatMessage(role: "user", content: "mytoken")]))
    #expect(chat.contains(321))
    let visible = try await context.complete(.tokens(tokens), options: options(321))
    #expect(visible.tokens == [321, 321, 321] && visible.text == "mytokenmytokenmytoken")
    let hidden = try await context.complete(.tokens(tokens), options: options(320))
    #expect(hidden.tokens == [320, 320, 320] && hidden.text == "")
  }

  @Test func othersDoNotKnowThem() async throws {
    let model = try ContextTests.model()
    let manager = LoRAManager(model)
    let base = try await Context(model).complete(.tokens([5, 6, 7]), options: options(300))
    try manager.register(Self.adapter(), name: "tools")
    let applied = try Context(model), chosen = try Context(model, named: [("tools", 0.5)])
    let off = try Context(model, named: [("tools", 0)])
    #expect(chosen.vocabularySize == Self.count)
    for context in [applied, off] {
      #expect(context.vocabularySize == 320)
      #expect(try context.tokens(of: .raw("mytoken")) == model.tokens(of: .raw("mytoken")))
      let again = try await context.complete(.tokens([5, 6, 7]), options: options(300))
      #expect(again.tokens == base.tokens)
      await #expect(throws: ModelError.tokenOutOfRange(token: 321, vocabulary: 320)) {
        try await context.complete(.tokens([5, 321]), options: options(300))
      }
    }
    await #expect(throws: ModelError.tokenOutOfRange(token: 322, vocabulary: Self.count)) {
      try await chosen.complete(.tokens([5, 322]), options: options(300))
    }
    #expect(manager.residency.map(\.name) == ["tools"])
  }

  /// A base model that is taught a chat format ends its turns with a token of the adapter's.
  @Test func anAddedEndEndsTheAnswer() async throws {
    let model = try ContextTests.model()
    let context = try Context(
      model, adapters: [(Self.adapter([("<|eot_id|>", true), ("mytoken", false)]), 1)])
    let completion = try await context.complete(.tokens([5, 6]), options: options(320))
    #expect(completion.tokens.isEmpty && completion.finishReason == .stop)
  }

  @Test func twoAdaptersThatDisagreeAreRefused() throws {
    let model = try ContextTests.model()
    let manager = LoRAManager(model)
    try manager.add(Self.adapter(), name: "one")
    #expect(throws: AdapterError.self) {
      try manager.add(Self.adapter([("<other>", true), ("mytoken", false)]), name: "two")
    }
    #expect(manager.adapters.map(\.name) == ["one"])
    #expect(try Context(model).vocabularySize == Self.count)
  }
}
