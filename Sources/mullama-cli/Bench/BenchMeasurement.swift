import Mullama

/// Rounds of prefill and decode over random tokens, through the forward path that answers prompts.
///
/// A machine's memory and cores are faster at one time than at another, for milliseconds and for minutes. So base and adapters
/// take turns, half a layer each; which of them begins, alternates. Nor is all memory equally fast: which addresses share a set
/// of a cache is luck. So the two groups of sequences exchange their roles as well.
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
  /// What part of the base model's speed each prompt had.
  private(set) var prefillKept: [Double] = []
  /// What part each few tokens of decode had, for each number of sequences.
  private(set) var decodeKept: [[Double]]
  /// With adapters, of the round that warms up; without, the most that any round left.
  private(set) var memory: ProcessMemory
  /// Bytes of keys and values of all sequences, when `memory` was taken.
  private(set) var cacheByteCount: Int
  private let group: SequenceGroup
  /// What runs in turns with it, if the model has adapters: one group with them, one without.
  private let other: SequenceGroup?
  private let prompt: [Int32]
  /// `[step][sequence]`
  private let continuations: [Int32]
  /// Stretches of decode that took turns.
  private var decodeTurns = 0

  /// Tokens of a sequence for which one part of the base's speed is found.
  private static let stretch = 8

  /// Evaluates the tokens that lie before the prompt, and one round that is not counted.
  init(_ model: Model, _ plan: BenchPlan, capacity: Int) throws {
    self.plan = plan
    let hasAdapters = !model.adapters.isEmpty
    var generator = TokenGenerator(vocabulary: model.vocabularySize)
    func tokens(_ count: Int) -> [Int32] { (0..<count).map { _ in generator.next() } }
    let before = tokens(plan.depth)
    prompt = tokens(plan.prompt)
    continuations = tokens(plan.generate * plan.largestBatch)
    decodeKept = plan.batches.map { _ in [] }
    func makeGroup() throws -> SequenceGroup {
      let group = try model.makeSequenceGroup(count: plan.largestBatch, capacity: capacity)
      // What the keys before the prompt hold does not change how long it takes to read them.
      group.usesAdapters = false
      try group.prefill(before)
      return group
    }
    group = try makeGroup()
    group.usesAdapters = hasAdapters
    try group.prefill(prompt)
    let steps = hasAdapters ? plan.generate : min(Self.stretch, plan.generate)
    for batch in plan.batches {
      group.align(batch, length: plan.depth + plan.prompt)
      for pass in Self.passes(continuations, plan, batch, 0..<steps) { try group.run(pass) }
    }
    memory = .current()
    cacheByteCount = group.cacheByteCount
    // Made here: its memory is the measurement's.
    other = hasAdapters ? try makeGroup() : nil
    try other?.prefill(prompt)
  }

  /// One more round; with adapters, also one of the base model.
  mutating func measure() throws {
    var bare = Round(decode: plan.batches.map { _ in 0 }), adapted = bare
    for group in [group, other] { group?.align(1, length: plan.depth) }
    let prefill = try inTurns(group.passes(prefill: prompt), lead: 1.0 / 8, turn: rounds.count)
    adapted.prefill = prefill.seconds
    adapted.firstToken = prefill.seconds + choiceSeconds()
    if let base = prefill.base {
      bare.prefill = base
      prefillKept.append(base / prefill.seconds)
    }
    for (index, batch) in plan.batches.enumerated() {
      for group in [group, other] { group?.align(batch, length: plan.depth + plan.prompt) }
      for first in stride(from: 0, to: plan.generate, by: Self.stretch) {
        let steps = first..<min(first + Self.stretch, plan.generate)
        let decode = try inTurns(
          Self.passes(continuations, plan, batch, steps), lead: 1.0 / 2, turn: decodeTurns)
        decodeTurns += 1
        adapted.decode[index] += decode.seconds
        if let base = decode.base {
          bare.decode[index] += base
          decodeKept[index].append(base / decode.seconds)
        }
      }
    }
    rounds.append(adapted)
    if other != nil {
      baseRounds.append(bare)
    } else {
      memory = memory.largest(.current())
      cacheByteCount = max(cacheByteCount, group.cacheByteCount)
    }
  }

  /// Seconds of passes, and of the base model's in turns with them, if the model has adapters.
  ///
  /// - Parameters:
  ///   - lead: What part of a pass one is ahead.
  ///   - turn: Of four, each group has adapters in two, and begins with them in one.
  private func inTurns(
    _ passes: [SequenceGroup.Pass], lead: Double, turn: Int
  ) throws -> (seconds: Double, base: Double?) {
    guard let other else {
      var run = PassRun(group, passes)
      while !run.isDone { try run.advance() }
      return (run.seconds, nil)
    }
    let (adapted, base) = turn & 1 == 0 ? (group, other) : (other, group)
    adapted.usesAdapters = true
    base.usesAdapters = false
    var run = PassRun(adapted, passes), baseRun = PassRun(base, passes)
    let steps = Int(lead * Double(group.stepCount))
    if turn & 2 == 0 {
      try PassRun.inTurns(&baseRun, &run, lead: steps)
    } else {
      try PassRun.inTurns(&run, &baseRun, lead: steps)
    }
    return (run.seconds, baseRun.seconds)
  }

  /// Seconds of the choice of the token behind the prompt.
  private func choiceSeconds() -> Double {
    let start = ContinuousClock.now
    group.withLogits(0) { logits in
      // Greedy choice; its result is not used, as the continuation is given.
      var best = 0
      for index in logits.indices where logits[index] > logits[best] { best = index }
      blackHole(best)
    }
    return (ContinuousClock.now - start).seconds
  }

  /// Some steps behind the prompt, of the first `batch` sequences.
  private static func passes(
    _ continuations: [Int32], _ plan: BenchPlan, _ batch: Int, _ steps: Range<Int>
  ) -> [SequenceGroup.Pass] {
    steps.map { step in
      let first = step * plan.largestBatch
      return .decode(continuations[first..<first + batch])
    }
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
