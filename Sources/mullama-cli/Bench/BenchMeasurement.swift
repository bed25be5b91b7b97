import Mullama

/// Rounds of prefill and decode over random tokens, through the forward path that answers prompts.
struct BenchMeasurement {
  /// Seconds of one round.
  struct Round {
    let prefill: Double
    /// The prefill and the choice of the first token.
    let firstToken: Double
    /// Of each number of sequences.
    let decode: [Double]
  }

  let plan: BenchPlan
  /// With the model's adapters, if it has any.
  private(set) var rounds: [Round] = []
  /// Without them, each right before the round of the same number; empty for a model that has none.
  private(set) var baseRounds: [Round] = []
  /// The most that any round left.
  private(set) var memory = ProcessMemory.current()
  /// Bytes of keys and values of all sequences at the end of a round.
  private(set) var cacheByteCount = 0
  private let group: SequenceGroup
  private let hasAdapters: Bool
  private let prompt: [Int32]
  /// `[step][sequence]`
  private let continuations: [Int32]

  /// Steps of the decode that only warms up.
  private static let warmUpSteps = 8

  /// Evaluates the tokens that lie before the prompt, and one round that is not counted.
  init(_ model: Model, _ plan: BenchPlan, capacity: Int) throws {
    self.plan = plan
    hasAdapters = !model.adapters.isEmpty
    group = try model.makeSequenceGroup(count: plan.largestBatch, capacity: capacity)
    var generator = TokenGenerator(vocabulary: model.vocabularySize)
    func tokens(_ count: Int) -> [Int32] { (0..<count).map { _ in generator.next() } }
    prompt = tokens(plan.prompt)
    continuations = tokens(plan.generate * plan.largestBatch)
    // What the keys before the prompt hold does not change how long it takes to read them.
    group.usesAdapters = false
    try group.prefill(tokens(plan.depth))
    _ = try round(steps: min(Self.warmUpSteps, plan.generate), usesAdapters: hasAdapters)
  }

  /// One more round; with adapters, one of the base model before it.
  mutating func measure() throws {
    if hasAdapters { baseRounds.append(try round(steps: plan.generate, usesAdapters: false)) }
    rounds.append(try round(steps: plan.generate, usesAdapters: true))
    memory = memory.largest(.current())
    cacheByteCount = max(cacheByteCount, group.cacheByteCount)
  }

  private func round(steps: Int, usesAdapters: Bool) throws -> Round {
    group.usesAdapters = usesAdapters
    group.align(1, length: plan.depth)
    let start = ContinuousClock.now
    try group.prefill(prompt)
    let prefilled = ContinuousClock.now
    group.withLogits(0) { logits in
      // Greedy choice; its result is not used, as the continuation is given.
      var best = 0
      for index in logits.indices where logits[index] > logits[best] { best = index }
      blackHole(best)
    }
    let chosen = ContinuousClock.now
    let decode = try plan.batches.map { batch in
      group.align(batch, length: plan.depth + plan.prompt)
      let start = ContinuousClock.now
      for step in 0..<steps {
        let first = step * plan.largestBatch
        try group.decode(continuations[first..<first + batch])
      }
      return (ContinuousClock.now - start).seconds
    }
    return Round(
      prefill: (prefilled - start).seconds, firstToken: (chosen - start).seconds, decode: decode)
  }
}

/// Keeps the optimizer from leaving out what computes a value.
@inline(never)
func blackHole(_ value: Int) {}

/// The same pseudo-random tokens in each run. SplitMix64 (Steele et al. 2014).
struct TokenGenerator {
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
