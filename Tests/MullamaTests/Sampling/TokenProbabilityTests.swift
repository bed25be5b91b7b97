import Foundation
import Mullama
import Testing

struct TokenProbabilityTests {
  /// Results are Float: half a unit in the last place of a number up to 32.
  static let tolerance = 0x1p-20

  @Test(arguments: [1, 2, 3, 4, 5, 100, 1003])
  func agreesWithTheDefinition(count: Int) throws {
    let logits = randomLogits(count, seed: 6, step: 0.5)
    let probabilities = NaiveSampling.softmax(logits.map(Double.init))
    let order = logits.indices.sorted { (-logits[$0], $0) < (-logits[$1], $1) }
    let all = try topLogProbabilities(of: logits.span, count: count)
    #expect(all.map(\.token) == order.map(Int32.init))
    for entry in all {
      #expect(abs(Double(entry.logProbability) - log(probabilities[Int(entry.token)])) <= Self.tolerance)
    }
    let softmax = try LogSoftmax(of: logits.span)
    #expect(all.allSatisfy { softmax.logProbability(ofLogit: logits[Int($0.token)]) == $0.logProbability })
    for shorter in [0, 1, 20] {
      #expect(try topLogProbabilities(of: logits.span, count: shorter) == Array(all.prefix(shorter)))
    }
    #expect(try topLogProbabilities(of: logits.span, count: count + 9) == all)
  }

  @Test func isStableForLargeLogitsAndLeavesOutForbiddenTokens() throws {
    let logits: [Float] = [1e30, -1e30, 1e30, -.infinity, 1e30, 1e30]
    let top = try topLogProbabilities(of: logits.span, count: 6)
    #expect(top.map(\.token) == [0, 2, 4, 5, 1])
    #expect(top.prefix(4).allSatisfy { $0.logProbability == -Float(log(4.0)) })
    #expect(top[4].logProbability == -2e30)
    #expect(try LogSoftmax(of: logits.span).logProbability(ofLogit: -.infinity) == -.infinity)
  }

  @Test func refusesWhatHasNoProbabilities() {
    #expect(throws: SamplingError.notANumber(token: 1)) {
      try topLogProbabilities(of: ([0, .nan] as [Float]).span, count: 1)
    }
    #expect(throws: SamplingError.infinite(token: 0)) {
      try topLogProbabilities(of: ([.infinity, 0] as [Float]).span, count: 1)
    }
    #expect(throws: SamplingError.everyTokenForbidden) {
      try topLogProbabilities(of: ([-.infinity] as [Float]).span, count: 1)
    }
  }
}
