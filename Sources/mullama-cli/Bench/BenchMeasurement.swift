import Mullama

/// Rounds of prefill and decode over random tokens, through the same session that answers prompts.
struct BenchMeasurement {
  /// Seconds of one round.
  struct Round {
    let prefill: Double
    let decode: Double
    /// The prefill and the choice of the first token.
    let firstToken: Double
  }

  let promptCount: Int
  let generateCount: Int
  var rounds: [Round] = []
  private let session: Session
  private let prompt: [Int32]
  private let continuation: [Int32]

  init(_ model: Model, prompt: Int, generate: Int, capacity: Int) throws {
    promptCount = prompt
    generateCount = generate
    session = try model.makeSession(ContextOptions(length: capacity))
    var generator = TokenGenerator(vocabulary: model.vocabularySize)
    self.prompt = (0..<prompt).map { _ in generator.next() }
    continuation = (0..<generate).map { _ in generator.next() }
  }

  func round() throws -> Round {
    session.truncate(to: 0)
    let start = ContinuousClock.now
    _ = try session.prefill(prompt)
    let prefilled = ContinuousClock.now
    session.withLogits { logits in
      // Greedy choice; its result is not used, as the continuation is given.
      var best = 0
      for index in logits.indices where logits[index] > logits[best] { best = index }
      blackHole(best)
    }
    let chosen = ContinuousClock.now
    for token in continuation { try session.decode(token) }
    let end = ContinuousClock.now
    return Round(
      prefill: (prefilled - start).seconds, decode: (end - chosen).seconds,
      firstToken: (chosen - start).seconds)
  }

  /// Bytes of keys and values at the end of a round.
  var cacheByteCount: Int { session.cacheByteCount }
}

/// Keeps the optimizer from leaving out what computes a value.
@inline(never)
private func blackHole(_ value: Int) {}

/// The same pseudo-random tokens in each run. SplitMix64 (Steele et al. 2014).
private struct TokenGenerator {
  let vocabulary: Int
  private var state: UInt64 = 42

  init(vocabulary: Int) { self.vocabulary = vocabulary }

  mutating func next() -> Int32 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int32((z ^ (z >> 31)) % UInt64(vocabulary))
  }
}
