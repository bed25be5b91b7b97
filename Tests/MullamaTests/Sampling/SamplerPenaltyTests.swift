import Mullama
import Testing

struct SamplerPenaltyTests {
  @Test(
    arguments: [
      SamplingOptions(repetitionPenalty: 1.3), SamplingOptions(repetitionPenalty: 0.7),
      SamplingOptions(frequencyPenalty: 0.4), SamplingOptions(presencePenalty: -1.5),
      SamplingOptions(repetitionPenalty: 1.1, frequencyPenalty: 0.2, presencePenalty: 0.3),
      SamplingOptions(
        repetitionPenalty: 1.1, frequencyPenalty: 0.2, logitBias: [3: 2.5, 4: -.infinity, 19: -1]),
      SamplingOptions(temperature: 0, repetitionPenalty: 2, presencePenalty: 1, logitBias: [0: 1]),
    ], [-1, 0, 1, 2, 5, 64])
  func editsExactlyTheRecentTokens(options: SamplingOptions, window: Int) throws {
    var options = options
    options.penaltyWindow = window
    var sampler = try Sampler(options, vocabularyCount: 20)
    var generator = RandomGenerator(seed: 5)
    var history: [Int32] = []
    for step in 0..<150 {
      let logits = randomLogits(20, seed: UInt64(step))
      var edited = logits
      var span = edited.mutableSpan
      _ = try sampler.sample(&span)
      // The edits are left in the logits: compared bit for bit.
      #expect(edited == NaiveSampling.adjust(logits, options, history: history))
      let token = Int32(generator.next() % 20)
      sampler.accept(token)
      history.append(token)
    }
  }

  @Test func statesTheRulesInNumbers() throws {
    var sampler = try Sampler(
      SamplingOptions(repetitionPenalty: 2, frequencyPenalty: 0.25, presencePenalty: 0.5, logitBias: [2: 1]),
      vocabularyCount: 4)
    for token in [0, 1, 0, 2] as [Int32] {
      sampler.accept(token)
    }
    var logits: [Float] = [4, -3, 8, 5]
    var span = logits.mutableSpan
    _ = try sampler.sample(&span)
    // 4 ÷ 2 - 2 × ¼ - ½, -3 × 2 - ¼ - ½, 8 ÷ 2 - ¼ - ½ + 1, untouched.
    #expect(logits == [1, -6.75, 4.25, 5])
  }

  @Test func greedyLeavesALoop() throws {
    var sampler = try Sampler(
      SamplingOptions(temperature: 0, repetitionPenalty: 1.5, penaltyWindow: 2), vocabularyCount: 3)
    var chosen: [Int32] = []
    for _ in 0..<6 {
      let token = try sampler.sample(from: [3, 2.9, 2.8])
      sampler.accept(token)
      chosen.append(token)
    }
    #expect(chosen == [0, 1, 2, 0, 1, 2])
  }

  @Test func aCopyGoesItsOwnWay() throws {
    let options = SamplingOptions(temperature: 0, presencePenalty: 5)
    var sampler = try Sampler(options, vocabularyCount: 2)
    var copy = sampler
    copy.accept(0)
    #expect(try sampler.sample(from: [1, 0]) == 0)
    #expect(try copy.sample(from: [1, 0]) == 1)
  }
}
