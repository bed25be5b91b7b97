import Mullama

/// From a model's path to the first token of an answer, with the file in the page cache.
enum WarmStart {
  /// Tokens of the prompt: a short question.
  static let promptCount = 16

  /// Seconds to load the model and its adapters, make a sequence, evaluate a prompt and choose a token.
  ///
  /// The model is loaded anew and given up again; it must have been read before, or the disk is measured.
  static func seconds(
    _ path: String, options: ModelOptions, adapters: AdapterArguments, context: Int
  ) throws -> Double {
    let start = ContinuousClock.now
    let model = try ModelArguments.load(path, options: options)
    try adapters.apply(to: model)
    let session = try model.makeSession(ContextOptions(length: max(context, promptCount)))
    var generator = TokenGenerator(vocabulary: model.vocabularySize)
    _ = try session.prefill((0..<promptCount).map { _ in generator.next() })
    var sampler = try Sampler(.greedy, vocabularyCount: model.vocabularySize)
    let token = try session.withLogits { logits in
      var span = logits.mutableSpan
      return try sampler.sample(&span)
    }
    blackHole(Int(token))
    return (ContinuousClock.now - start).seconds
  }
}
