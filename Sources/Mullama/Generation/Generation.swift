import Tokenization
import Transformer

/// One generation from its prompt to its end: prefill, then sample, detokenize, match stop strings, decode.
struct Generation {
  private let tokenizer: Tokenizer
  private let session: Session
  private let prompt: [Int32]
  private let limit: Int
  private let options: GenerationOptions
  private var sampler: Sampler
  private var detokenizer: StreamingDecoder
  private var matcher: StopMatcher
  private var tokens: [Int32] = []
  private var text = ""

  /// - Parameters:
  ///   - tokenizer: with the tokens that the session's adapters add.
  ///   - prompt: its tokens.
  ///   - beginsAnswer: what follows stands by itself, rather than going on in the middle of a text.
  init(
    _ tokenizer: Tokenizer, _ session: Session, _ prompt: [Int32], beginsAnswer: Bool,
    _ options: GenerationOptions
  ) throws {
    if let count = options.maxTokens, count < 0 { throw ModelError.invalidTokenCount(count) }
    self.tokenizer = tokenizer
    self.session = session
    self.options = options
    self.prompt = prompt
    guard self.prompt.count <= session.capacity else {
      throw ModelError.contextExceeded(limit: session.capacity, requested: self.prompt.count)
    }
    if let token = self.prompt.first(where: { $0 < 0 || $0 >= session.vocabularySize }) {
      throw ModelError.tokenOutOfRange(token: Int(token), vocabulary: session.vocabularySize)
    }
    // The last token generated need not be evaluated, so one more than the context holds.
    limit = min(options.maxTokens ?? .max, session.capacity - self.prompt.count + 1)
    sampler = try Sampler(options.sampling, vocabularyCount: session.vocabularySize)
    detokenizer = StreamingDecoder(tokenizer, continuing: !beginsAnswer)
    matcher = StopMatcher(options.stop)
    for token in self.prompt { sampler.accept(token) }
  }

  mutating func run(_ onText: (String) -> Void) throws -> Completion {
    let clock = ContinuousClock()
    let start = clock.now
    let reused = try session.prefill(prompt) { Task.isCancelled }
    let prefilled = clock.now
    var reason = FinishReason.length
    while tokens.count < limit {
      if Task.isCancelled { throw CancellationError() }
      let token = try session.withLogits { logits in
        var span = logits.mutableSpan
        return try sampler.sample(&span)
      }
      if !options.ignoresEnd, tokenizer.isEndOfGeneration(token) {
        reason = .stop
        break
      }
      sampler.accept(token)
      tokens.append(token)
      if emit(matcher.feed(detokenizer.append(token)), onText) {
        reason = .stop
        break
      }
      if tokens.count < limit { try session.decode(token) }
    }
    if matcher.match == nil {
      _ = emit(matcher.feed(detokenizer.finish()), onText)
      let rest = matcher.finish()
      if !rest.isEmpty {
        text += rest
        onText(rest)
      }
    }
    return Completion(
      text: text, tokens: tokens, finishReason: reason, promptTokens: prompt.count, reusedTokens: reused,
      inactiveAdapter: session.activeFrom == nil ? session.adapters?.activation?.adapter : nil,
      seed: sampler.seed, prefillSeconds: (prefilled - start).seconds,
      decodeSeconds: (clock.now - prefilled).seconds)
  }

  /// Passes on text that is safe to show; true if a stop string has appeared.
  private mutating func emit(_ piece: String, _ onText: (String) -> Void) -> Bool {
    if !piece.isEmpty {
      text += piece
      onText(piece)
    }
    return matcher.match != nil
  }
}

extension Duration {
  /// As a number of seconds.
  package var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
