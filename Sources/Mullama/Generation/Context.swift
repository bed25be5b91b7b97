import Kernels
import LoRA
import Synchronization
import Tokenization
import Transformer

/// What a context is made with.
public struct ContextOptions: Sendable, Equatable {
  /// Tokens the context holds, prompt and answer together; nil: what the model was trained with, at most 8192,
  /// and with LongRoPE at most its original context; a longer one has the long factors from its first token on.
  ///
  /// Memory for keys and values is taken as it is used.
  public var length: Int?
  /// Tokens of one pass over the weights in prefill, 1–4096.
  public var batchSize: Int
  /// Whose chat template prompts are given in.
  public var template: TemplateChoice

  public init(length: Int? = nil, batchSize: Int = 512, template: TemplateChoice = .auto) {
    self.length = length
    self.batchSize = batchSize
    self.template = template
  }
}

/// A conversation with a model: one sequence, its keys and values, and the adapters that were applied when it was made.
///
/// Successive prompts that begin alike are evaluated only where they differ. Generation runs on a thread of the
/// context's own; calls wait for each other.
public actor Context {
  public nonisolated let model: Model
  /// Tokens the context holds.
  public nonisolated let length: Int
  private let session: Session
  /// Holds the adapters from the context's start to its end.
  private let lease: AdapterLease
  /// The model's, with the tokens that the adapters add.
  private let tokenizer: Tokenizer
  private let template: TemplateSelection
  private let thread = ComputeThread()

  public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  /// A context with the adapters that are applied to the model now.
  ///
  /// - Throws: `ModelError` if an option is out of range; `AdapterError` if the adapters' chat template is asked for and there
  ///   is none.
  public init(_ model: Model, options: ContextOptions = ContextOptions()) throws {
    try self.init(model, options: options) { model.leaseAdapters() }
  }

  /// A context with adapters of its own, whatever is applied to the model; `[]`: the base model.
  public init(
    _ model: Model, adapters: [(adapter: LoRAAdapter, scale: Float)],
    options: ContextOptions = ContextOptions()
  ) throws {
    let entries = adapters.map { AdapterBinding.Entry($0.adapter.adapter, scale: $0.scale) }
    try self.init(model, options: options) {
      let templates = adapters.filter { $0.scale != 0 }.compactMap { adapter, _ in
        adapter.chatTemplate.map { (name: adapter.name, template: $0) }
      }
      return AdapterLease(try model.bind(entries), templates: templates)
    }
  }

  /// A context with adapters of its own, chosen among those that `LoRAManager` knows by name; `[]`: the base model.
  ///
  /// The order does not matter. An adapter that was evicted is read again.
  ///
  /// - Throws: `AdapterError.unknownName`, `repeatedName`, `budgetExceeded`, `fileChanged`, `fileGone`; `ModelError` if an
  ///   option is out of range.
  public init(
    _ model: Model, named stack: [(name: String, scale: Float)], options: ContextOptions = ContextOptions()
  ) throws {
    try self.init(model, options: options) { try model.leaseAdapters(named: stack) }
  }

  private init(_ model: Model, options: ContextOptions, lease: () throws -> AdapterLease) throws {
    self.model = model
    length = try model.contextLength(options)
    self.lease = try lease()
    tokenizer = model.tokenizer(with: self.lease.set)
    template = try TemplateSelection(
      options.template, own: model.format, self.lease.templates, by: tokenizer)
    session = Session(
      model.decoder, adapters: self.lease.set, capacity: length, batchSize: options.batchSize)
  }

  /// Generates an answer to a user's message; the model's chat template is used if it has one.
  ///
  /// - Throws: `ModelError.contextExceeded` if the prompt is too long; `SamplingError`; `CancellationError`.
  public func generate(
    _ prompt: String, maxTokens: Int? = nil, sampling: SamplingOptions = SamplingOptions(),
    stop: [String] = []
  ) async throws -> String {
    try complete(
      .text(prompt), options: GenerationOptions(maxTokens: maxTokens, sampling: sampling, stop: stop)
    ).text
  }

  /// The same, piece by piece as it is generated. A piece never ends inside a character.
  public nonisolated func stream(
    _ prompt: String, maxTokens: Int? = nil, sampling: SamplingOptions = SamplingOptions(),
    stop: [String] = []
  ) -> AsyncThrowingStream<String, any Error> {
    stream(.text(prompt), options: GenerationOptions(maxTokens: maxTokens, sampling: sampling, stop: stop))
  }

  /// Streams a continuation of any prompt. Ending the iteration ends the generation.
  public nonisolated func stream(
    _ prompt: Prompt, options: GenerationOptions
  ) -> AsyncThrowingStream<String, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task {
        do {
          _ = try await self.complete(prompt, options: options) { continuation.yield($0) }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  /// Generates a continuation of any prompt; `onText` receives each piece on the context's thread.
  public func complete(
    _ prompt: Prompt, options: GenerationOptions = GenerationOptions(),
    onText: @Sendable (String) -> Void = { _ in }
  ) throws -> Completion {
    var generation = try Generation(
      tokenizer, session, tokens(of: prompt), beginsAnswer: prompt.beginsAnswer, options)
    lease.countGeneration()
    return try generation.run(onText)
  }

  /// Forgets everything; the next prompt is evaluated from its first token.
  public func reset() { session.truncate(to: 0) }

  /// Tokens of the model and of the context's adapters.
  public nonisolated var vocabularySize: Int { model.decoder.vocabularySize(with: lease.set) }

  /// The token ids of a prompt, in a vocabulary that has the tokens which the context's adapters add.
  ///
  /// - Throws: as `Model.tokens(of:)`.
  public nonisolated func tokens(of prompt: Prompt) throws -> [Int32] {
    try model.tokens(of: prompt, by: tokenizer, format: template.format)
  }

  /// Whose chat template prompts are given in.
  public nonisolated var templateOrigin: TemplateOrigin { template.origin }

  /// What a user should know about the chat template; empty: nothing.
  public nonisolated var templateNotes: [TemplateNote] { template.notes }

  /// The text of tokens, also of those that the context's adapters add; invalid UTF-8 becomes U+FFFD.
  public nonisolated func detokenize(_ tokens: [Int32], skipSpecial: Bool = true) -> String {
    tokenizer.decode(tokens, skipSpecial: skipSpecial)
  }

  /// Tokens whose keys and values the context holds.
  public var tokenCount: Int { session.tokens.count }
}

extension Model {
  /// Checks a context's options against the model.
  package func contextLength(_ options: ContextOptions) throws(ModelError) -> Int {
    guard (1...4096).contains(options.batchSize) else { throw .invalidBatchSize(options.batchSize) }
    // Up to its original context, a model with LongRoPE is as it was trained first.
    let length = options.length ?? min(trainedContextLength, decoder.originalContext ?? 8192, 8192)
    guard (1...(1 << 24)).contains(length) else { throw .invalidContextLength(length) }
    let bytes = cacheByteCount(positions: length)
    guard bytes <= Processor.memoryByteCount else {
      throw .contextTooLarge(tokens: length, bytes: bytes, memory: Processor.memoryByteCount)
    }
    return length
  }
}
