import Mullama

/// Rounds of prefill and decode over random tokens, through the forward path that answers prompts.
///
/// A machine's memory is faster at one time than at another, for seconds at a stretch. So base and adapters take turns: prompt
/// by prompt, and a few tokens each when they decode; which of them begins, alternates.
struct BenchMeasurement {
  /// Seconds of one round.
  struct Round {
    var prefill = 0.0
    /// The prefill and the choice of the first token.
    var firstToken = 0.0
    /// Of each number of sequences.
    var decode: [Double]
  }

  let plan: BenchPlan
  /// With the model's adapters, if it has any.
  private(set) var rounds: [Round] = []
  /// Without them, in turns with the round of the same number; empty for a model that has none.
  private(set) var baseRounds: [Round] = []
  /// What part of the base model's speed each turn of prefill had.
  private(set) var prefillKept: [Double] = []
  /// The same of decode, for each number of sequences.
  private(set) var decodeKept: [[Double]]
  /// The most that any round left.
  private(set) var memory = ProcessMemory.current()
  /// Bytes of keys and values of all sequences at the end of a round.
  private(set) var cacheByteCount = 0
  private let group: SequenceGroup
  private let hasAdapters: Bool
  private let prompt: [Int32]
  /// `[step][sequence]`
  private let continuations: [Int32]
  private var baseBegins = true

  /// Steps of the decode that only warms up, and of a turn.
  private static let turnSteps = 8

  /// Evaluates the tokens that lie before the prompt, and one round that is not counted.
  init(_ model: Model, _ plan: BenchPlan, capacity: Int) throws {
    self.plan = plan
    hasAdapters = !model.adapters.isEmpty
    group = try model.makeSequenceGroup(count: plan.largestBatch, capacity: capacity)
    var generator = TokenGenerator(vocabulary: model.vocabularySize)
    func tokens(_ count: Int) -> [Int32] { (0..<count).map { _ in generator.next() } }
    prompt = tokens(plan.prompt)
    continuations = tokens(plan.generate * plan.largestBatch)
    decodeKept = plan.batches.map { _ in [] }
    // What the keys before the prompt hold does not change how long it takes to read them.
    group.usesAdapters = false
    try group.prefill(tokens(plan.depth))
    group.usesAdapters = hasAdapters
    _ = try prefill()
    for batch in plan.batches { _ = try decode(batch, 0..<min(Self.turnSteps, plan.generate)) }
  }

  /// One more round; with adapters, also one of the base model.
  mutating func measure() throws {
    var base = Round(decode: plan.batches.map { _ in 0 }), adapted = base
    if let kept = try inTurns({ measurement, isBase in
      let seconds = try measurement.prefill()
      if isBase {
        (base.prefill, base.firstToken) = seconds
      } else {
        (adapted.prefill, adapted.firstToken) = seconds
      }
      return seconds.prefill
    }) {
      prefillKept.append(kept)
    }
    for (index, batch) in plan.batches.enumerated() {
      // Without adapters nothing takes turns.
      let length = hasAdapters ? Self.turnSteps : max(1, plan.generate)
      for first in stride(from: 0, to: plan.generate, by: length) {
        let steps = first..<min(first + length, plan.generate)
        if let kept = try inTurns({ measurement, isBase in
          let seconds = try measurement.decode(batch, steps)
          if isBase { base.decode[index] += seconds } else { adapted.decode[index] += seconds }
          return seconds
        }) {
          decodeKept[index].append(kept)
        }
      }
    }
    rounds.append(adapted)
    if hasAdapters { baseRounds.append(base) }
    memory = memory.largest(.current())
    cacheByteCount = max(cacheByteCount, group.cacheByteCount)
  }

  /// Calls `body`, which returns seconds, for the model as it is, and if it has adapters for the base model too.
  ///
  /// - Returns: the part of the base model's speed that the adapters leave.
  private mutating func inTurns(
    _ body: (borrowing BenchMeasurement, _ isBase: Bool) throws -> Double
  ) throws -> Double? {
    guard hasAdapters else {
      _ = try body(self, false)
      return nil
    }
    var base = 0.0, adapted = 0.0
    for isBase in [baseBegins, !baseBegins] {
      group.usesAdapters = !isBase
      let seconds = try body(self, isBase)
      if isBase { base = seconds } else { adapted = seconds }
    }
    baseBegins.toggle()
    return base / adapted
  }

  /// Seconds of the prompt, and with the choice of the first token.
  private func prefill() throws -> (prefill: Double, firstToken: Double) {
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
    return ((prefilled - start).seconds, (ContinuousClock.now - start).seconds)
  }

  /// Seconds of some steps behind the prompt, of the first `batch` sequences.
  private func decode(_ batch: Int, _ steps: Range<Int>) throws -> Double {
    group.align(batch, length: plan.depth + plan.prompt + steps.lowerBound)
    let start = ContinuousClock.now
    for step in steps {
      let first = step * plan.largestBatch
      try group.decode(continuations[first..<first + batch])
    }
    return (ContinuousClock.now - start).seconds
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
