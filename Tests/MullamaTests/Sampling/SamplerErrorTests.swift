import Mullama
import Testing

struct SamplerErrorTests {
  static let options: [SamplingOptions] = [
    SamplingOptions(seed: 1), .greedy, SamplingOptions(topK: 0, seed: 1), SamplingOptions(topK: 1, seed: 1),
    SamplingOptions(topK: 100, topP: 1, minP: 0, seed: 1),
  ]

  @Test(arguments: options)
  func refusesNaNWhereverItIs(options: SamplingOptions) throws {
    let logits = randomLogits(100, seed: 2)
    var sampler = try Sampler(options, vocabularyCount: 100)
    for index in logits.indices {
      var damaged = logits
      damaged[index] = index.isMultiple(of: 2) ? .nan : -.nan
      #expect(throws: SamplingError.notANumber(token: Int32(index))) { try sampler.sample(from: damaged) }
    }
    _ = try sampler.sample(from: logits)
  }

  @Test(arguments: options)
  func refusesInfinityWhereverItIs(options: SamplingOptions) throws {
    let logits = randomLogits(100, seed: 2)
    var sampler = try Sampler(options, vocabularyCount: 100)
    for index in logits.indices {
      var damaged = logits
      damaged[index] = .infinity
      #expect(throws: SamplingError.infinite(token: Int32(index))) { try sampler.sample(from: damaged) }
    }
  }

  @Test(arguments: options, [1, 8, 100])
  func refusesWhenNothingIsLeft(options: SamplingOptions, count: Int) throws {
    let nothing = [Float](repeating: -.infinity, count: count)
    var sampler = try Sampler(options, vocabularyCount: count)
    #expect(throws: SamplingError.everyTokenForbidden) { try sampler.sample(from: nothing) }

    var banning = options
    for token in 0..<Int32(count) {
      banning.logitBias[token] = -.infinity
    }
    sampler = try Sampler(banning, vocabularyCount: count)
    #expect(throws: SamplingError.everyTokenForbidden) {
      try sampler.sample(from: [Float](repeating: 1, count: count))
    }
  }

  @Test(arguments: options)
  func aBanLeavesTheOthers(options: SamplingOptions) throws {
    var options = options
    for token in 0..<100 as Range<Int32> where token != 57 {
      options.logitBias[token] = -.infinity
    }
    var sampler = try Sampler(options, vocabularyCount: 100)
    #expect(try sampler.sample(from: randomLogits(100, seed: 4)) == 57)
  }
}
