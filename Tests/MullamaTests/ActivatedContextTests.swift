import GGUF
import LoRA
import Mullama
import TestSupport
import Testing
import Transformer

/// Activated adapters in a context: switched on by what the prompt says, and said so when they are not.
@Suite struct ActivatedContextTests {
  /// The tiny llama's `lora` adapter, waiting for a sequence of tokens.
  private static func adapter(_ tokens: [UInt32]?) throws -> LoRAAdapter {
    let file = try GGUFFile.open(ConformanceManifest.load("llama").adapterPath("lora"))
    var writer = GGUFWriter()
    for key in file.metadata.keys { if let value = file.metadata[key] { writer.add(key, value) } }
    if let tokens { writer.add("adapter.alora.invocation_tokens", .array(.uint32(tokens))) }
    for tensor in file.tensors {
      writer.addTensor(
        tensor.name, type: tensor.type, dimensions: tensor.dimensions,
        bytes: file.withBytes(of: tensor) { Array($0) })
    }
    return LoRAAdapter(try LoRA.Adapter.read(GGUFFile(bytes: writer.serialized(), name: "waiting.gguf")))
  }

  private static let options = GenerationOptions(
    maxTokens: 10, sampling: SamplingOptions(temperature: 0), ignoresEnd: true)

  private static func model() throws -> Model {
    try Model.load(
      ConformanceManifest.load("llama").modelPath, options: ModelOptions(precision: .reference))
  }

  private static let found: [Int32] = [1, 2, 3, 7, 8, 4, 5]
  private static let missing: [Int32] = [1, 2, 3, 8, 7, 4, 5]

  @Test func saysWhenItIsOff() async throws {
    let model = try Self.model()
    let adapter = try Self.adapter([7, 8])
    #expect(adapter.invocationTokens == [7, 8])
    let context = try Context(model, adapters: [(adapter, 1)])
    let base = try await Context(model, adapters: []).complete(.tokens(Self.missing), options: Self.options)
    let off = try await context.complete(.tokens(Self.missing), options: Self.options)
    #expect(off.inactiveAdapter == adapter.name)
    #expect(off.tokens == base.tokens)
    #expect(base.inactiveAdapter == nil)
    let on = try await context.complete(.tokens(Self.found), options: Self.options)
    #expect(on.inactiveAdapter == nil)
    let plainBase = try await Context(model, adapters: []).complete(
      .tokens(Self.found), options: Self.options)
    #expect(on.tokens != plainBase.tokens)
    // Active from the first token on, it is a plain adapter.
    let always = try await Context(model, adapters: [(Self.adapter(nil), 1)]).complete(
      .tokens([7, 8, 9]), options: Self.options)
    let first = try await context.complete(.tokens([7, 8, 9]), options: Self.options)
    #expect(first.tokens == always.tokens)
  }

  /// Whatever a context held before, its answer is that of a new one; what lies before both beginnings is kept.
  @Test func keepsOnlyWhatIsStillTrue() async throws {
    let model = try Self.model()
    let adapter = try Self.adapter([7, 8])
    let context = try Context(model, adapters: [(adapter, 1)])
    let prompts: [(tokens: [Int32], reused: Int)] = [
      (Self.found, 0), ([1, 2, 3, 7, 8, 4, 6], 6), ([1, 2, 3, 7, 8, 4, 6, 7, 8, 9], 3), (Self.missing, 3),
      (Self.found, 3), ([1, 2, 3, 9, 7, 8], 3), ([1, 2, 3, 9, 10, 11, 12], 4),
    ]
    for (tokens, reused) in prompts {
      let answer = try await context.complete(.tokens(tokens), options: Self.options)
      let expected = try await Context(model, adapters: [(adapter, 1)]).complete(
        .tokens(tokens), options: Self.options)
      #expect(answer.tokens == expected.tokens, "\(tokens)")
      #expect(answer.reusedTokens == reused, "\(tokens)")
    }
  }

  /// A long prompt is evaluated in batches; the adapter begins in the middle of one.
  @Test func acrossBatches() async throws {
    let model = try Self.model()
    let adapter = try Self.adapter([7, 8])
    let tokens = (0..<40).map { Int32($0 + 20) } + Self.found + [30, 31, 32]
    let whole = try await Context(model, adapters: [(adapter, 1)]).complete(
      .tokens(tokens), options: Self.options)
    let parts = try await Context(
      model, adapters: [(adapter, 1)], options: ContextOptions(length: 128, batchSize: 8)
    ).complete(.tokens(tokens), options: Self.options)
    #expect(parts.tokens == whole.tokens)
  }
}
