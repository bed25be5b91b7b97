import Mullama
import Testing

struct SamplerDrawTests {
  /// Draws must fit the distribution. For k tokens Pearson's statistic has mean k - 1 and standard deviation
  /// √(2(k - 1)); six deviations are never exceeded by chance with these fixed seeds, and always by a wrong softmax.
  @Test(arguments: [
    SamplingOptions(temperature: 1, topK: 0, topP: 1, minP: 0, seed: 1),
    SamplingOptions(temperature: 0.5, topK: 0, topP: 1, minP: 0, seed: 2),
    SamplingOptions(temperature: 2, topK: 4, topP: 1, minP: 0, seed: 3),
    SamplingOptions(temperature: 1, topK: 0, topP: 0.8, minP: 0, seed: 4),
    SamplingOptions(temperature: 1.5, topK: 0, topP: 1, minP: 0.2, seed: 5),
    SamplingOptions(seed: 0),
  ])
  func drawsFitTheDistribution(options: SamplingOptions) throws {
    let logits: [Float] = [0.1, 1.7, -0.4, 1.2, 0.9, -1.5, 1.2, 0]
    let draws = 40_000
    var sampler = try Sampler(options, vocabularyCount: logits.count)
    var counts = [Int](repeating: 0, count: logits.count)
    for _ in 0..<draws {
      counts[Int(try sampler.sample(from: logits))] += 1
    }
    let expected = NaiveSampling.distribution(logits, options)
    var statistic = 0.0
    for (token, probability) in expected {
      let mean = probability * Double(draws)
      let difference = Double(counts[Int(token)]) - mean
      statistic += difference * difference / mean
    }
    let freedom = Double(expected.count - 1)
    #expect(statistic < freedom + 6 * (2 * freedom).squareRoot())
    let possible = Set(expected.map(\.token))
    for token in counts.indices where !possible.contains(Int32(token)) {
      #expect(counts[token] == 0)
    }
  }

  private func sequence(_ options: SamplingOptions, length: Int = 64) throws -> [Int32] {
    var sampler = try Sampler(options, vocabularyCount: 500)
    return try (0..<length).map { step in
      try sampler.sample(from: randomLogits(500, seed: UInt64(step)))
    }
  }

  @Test func aSeedRepeatsAndOthersDiffer() throws {
    let first = try sequence(SamplingOptions(temperature: 1.5, seed: 42))
    #expect(try sequence(SamplingOptions(temperature: 1.5, seed: 42)) == first)
    for seed in [0, 1, 43, .max] as [UInt64] {
      #expect(try sequence(SamplingOptions(temperature: 1.5, seed: seed)) != first)
    }
  }

  @Test func aRandomSeedIsToldAndRepeats() throws {
    var sampler = try Sampler(SamplingOptions(temperature: 1.5), vocabularyCount: 500)
    let other = try Sampler(SamplingOptions(), vocabularyCount: 500)
    #expect(sampler.seed != other.seed)
    let drawn = try (0..<64).map { try sampler.sample(from: randomLogits(500, seed: UInt64($0))) }
    #expect(try sequence(SamplingOptions(temperature: 1.5, seed: sampler.seed)) == drawn)
    #expect(try Sampler(SamplingOptions(seed: 9), vocabularyCount: 5).seed == 9)
  }

  /// The draw is defined by the generator: the first running sum over sorted candidates above u × total.
  @Test func drawsFollowTheDocumentedGenerator() throws {
    let options = SamplingOptions(temperature: 1, topK: 30, topP: 1, minP: 0, seed: 77)
    var generator = RandomGenerator(seed: 77)
    let drawn = try sequence(options)
    for (step, token) in drawn.enumerated() {
      let logits = randomLogits(500, seed: UInt64(step))
      var position = generator.nextUnit()
      let chosen = NaiveSampling.distribution(logits, options).first { entry in
        position -= entry.probability
        return position < 0
      }
      #expect(token == chosen?.token)
    }
  }

  /// A failed call takes no random number, and one candidate takes one like many do.
  @Test func everyTokenTakesOneRandomNumber() throws {
    let logits = randomLogits(500, seed: 1)
    var undisturbed = try Sampler(SamplingOptions(temperature: 5, seed: 3), vocabularyCount: 500)
    let expected = try (0..<3).map { _ in try undisturbed.sample(from: logits) }
    var sampler = try Sampler(SamplingOptions(temperature: 5, seed: 3), vocabularyCount: 500)
    #expect(try sampler.sample(from: logits) == expected[0])
    #expect(throws: SamplingError.self) {
      try sampler.sample(from: [Float](repeating: .nan, count: 500))
    }
    var single = [Float](repeating: -.infinity, count: 500)
    single[123] = 4
    #expect(try sampler.sample(from: single) == 123)
    #expect(try sampler.sample(from: logits) == expected[2])
  }
}
