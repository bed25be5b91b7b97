import Foundation
import Mullama
import Testing

/// Every stage, alone and together, against `NaiveSampling`: the same tokens exactly, the same probabilities.
struct SamplerStageTests {
  /// Temperature divides in Float: a relative error of 2⁻²⁴ of logits up to a few hundred.
  static let logTolerance = 1e-4

  static let stages: [SamplingOptions] = {
    func only(
      temperature: Float = 1, topK: Int = 0, topP: Float = 1, minP: Float = 0
    ) -> SamplingOptions {
      SamplingOptions(temperature: temperature, topK: topK, topP: topP, minP: minP)
    }
    return [
      only(), only(temperature: 0.1), only(temperature: 0.8), only(temperature: 3),
      only(topK: 1), only(topK: 2), only(topK: 40), only(topK: 999), only(topK: 1000), only(topK: 5000),
      only(topP: 0), only(topP: 0.1), only(topP: 0.5), only(topP: 0.95), only(topP: 0.999_999),
      only(minP: 0.001), only(minP: 0.05), only(minP: 0.5), only(minP: 1),
      only(topK: 40, topP: 0.9), only(topK: 40, minP: 0.1), only(topP: 0.9, minP: 0.1),
      only(temperature: 0.7, topP: 0.9, minP: 0.02), SamplingOptions(), .greedy,
    ]
  }()

  static let counts = [1, 2, 7, 31, 32, 33, 1000]

  @Test(arguments: stages, counts)
  func keepsWhatTheDefinitionKeeps(options: SamplingOptions, count: Int) throws {
    var sampler = try Sampler(options, vocabularyCount: count)
    for seed in 0..<6 as Range<UInt64> {
      // Steps of ¼ make many ties, at the cut too; spread 0 is all ties; spread 40 leaves one token near certain.
      for (spread, step) in [(3, nil), (3, 0.25), (0, nil), (0.3, nil), (40, nil)] as [(Float, Float?)] {
        let logits = randomLogits(count, seed: seed, spread: spread, step: step)
        expectSame(
          try sampler.distribution(from: logits), NaiveSampling.distribution(logits, options))
      }
    }
  }

  @Test(arguments: stages)
  func neverKeepsForbiddenTokens(options: SamplingOptions) throws {
    var logits = randomLogits(200, seed: 3)
    for index in 0..<200 where index % 3 != 1 {
      logits[index] = -.infinity
    }
    var sampler = try Sampler(options, vocabularyCount: 200)
    expectSame(try sampler.distribution(from: logits), NaiveSampling.distribution(logits, options))
  }

  @Test func keepsItsPromisesInALargeVocabulary() throws {
    for options in [
      SamplingOptions(), SamplingOptions(topK: 0), SamplingOptions(topK: 700, topP: 1, minP: 0),
    ] {
      let logits = randomLogits(50_000, seed: 8)
      var sampler = try Sampler(options, vocabularyCount: logits.count)
      for logits in [logits, logits.sorted(), logits.sorted(by: >)] {
        expectSame(try sampler.distribution(from: logits), NaiveSampling.distribution(logits, options))
      }
    }
  }

  @Test func worksWithExtremeLogits() throws {
    var sampler = try Sampler(
      SamplingOptions(temperature: .leastNormalMagnitude, topK: 0), vocabularyCount: 4)
    let large = Float.greatestFiniteMagnitude
    #expect(
      try sampler.distribution(from: [-large, large, 0, -large]) == [
        TokenProbability(token: 1, logProbability: 0)
      ])
    let nearTie = try sampler.distribution(from: [1, 1.000_000_1, -5, 1.000_000_1])
    #expect(nearTie.prefix(2).map(\.token) == [1, 3])
    #expect(nearTie.prefix(2).map(\.logProbability) == [-Float(log(2.0)), -Float(log(2.0))])
    // One step of Float apart before the temperature, hopeless after it: (-2⁻²³) ÷ 2⁻¹²⁶.
    #expect(nearTie.dropFirst(2).map(\.token) == [0])
    #expect(nearTie.dropFirst(2).map(\.logProbability) == [-0x1p103])
  }

  @Test(arguments: 1...70)
  func greedyTakesTheLowestIdOnTies(count: Int) throws {
    var sampler = try Sampler(.greedy, vocabularyCount: count)
    for first in 0..<count {
      for second in first..<count {
        var logits = [Float](repeating: -2, count: count)
        logits[first] = 1.5
        logits[second] = 1.5
        #expect(try sampler.sample(from: logits) == Int32(first))
      }
    }
  }

  private func expectSame(
    _ found: [TokenProbability], _ expected: [(token: Int32, probability: Double)],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(Set(found.map(\.token)) == Set(expected.map(\.token)), sourceLocation: sourceLocation)
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    let probabilities = Dictionary(uniqueKeysWithValues: expected.map { ($0.token, $0.probability) })
    var worst = 0.0
    for entry in found {
      // Below e⁻⁶⁰⁰ both count as never; the fast path gives up at e⁻⁷⁰⁰.
      let expected = max(log(probabilities[entry.token] ?? 0), -600)
      worst = max(worst, abs(max(Double(entry.logProbability), -600) - expected))
    }
    #expect(worst < Self.logTolerance, sourceLocation: sourceLocation)
  }
}
