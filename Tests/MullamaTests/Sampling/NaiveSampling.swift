import Foundation
import Mullama

/// The definition of each stage, written for plainness: full sorts, whole arrays, the C library's `exp`.
enum NaiveSampling {
  struct Entry {
    var token: Int32
    var logit: Double
  }

  static func distribution(
    _ logits: [Float], _ options: SamplingOptions, history: [Int32] = []
  ) -> [(token: Int32, probability: Double)] {
    let adjusted = adjust(logits, options, history: history)
    var entries = adjusted.indices.map { Entry(token: Int32($0), logit: Double(adjusted[$0])) }
    entries.removeAll { $0.logit == -.infinity }
    entries.sort { $0.logit != $1.logit ? $0.logit > $1.logit : $0.token < $1.token }
    if options.temperature == 0 {
      return [(entries[0].token, 1)]
    }
    if options.topK > 0 {
      entries = Array(entries.prefix(options.topK))
    }
    if options.topP < 1 {
      let probabilities = softmax(entries.map(\.logit))
      var sum = 0.0
      var kept = 0
      repeat {
        sum += probabilities[kept]
        kept += 1
      } while kept < entries.count && sum < Double(options.topP)
      entries = Array(entries.prefix(kept))
    }
    if options.minP > 0 {
      let probabilities = softmax(entries.map(\.logit))
      let kept = entries.indices.filter { probabilities[$0] >= Double(options.minP) * probabilities[0] }
      entries = kept.map { entries[$0] }
    }
    let probabilities = softmax(entries.map { $0.logit / Double(options.temperature) })
    return zip(entries, probabilities).map { ($0.token, $1) }
  }

  static func adjust(_ logits: [Float], _ options: SamplingOptions, history: [Int32]) -> [Float] {
    var logits = logits
    let recent = options.penaltyWindow < 0 ? history : history.suffix(options.penaltyWindow)
    for token in Set(recent) {
      let count = recent.count { $0 == token }
      var logit = logits[Int(token)]
      logit = logit > 0 ? logit / options.repetitionPenalty : logit * options.repetitionPenalty
      logits[Int(token)] = logit - Float(count) * options.frequencyPenalty - options.presencePenalty
    }
    for (token, bias) in options.logitBias {
      logits[Int(token)] += bias
    }
    return logits
  }

  static func softmax(_ logits: [Double]) -> [Double] {
    let largest = logits.max()!
    let weights = logits.map { exp($0 - largest) }
    let total = weights.reduce(0, +)
    return weights.map { $0 / total }
  }
}

/// Deterministic logits for a test: about normal, `spread` wide, in steps of `step` if given (which makes ties).
func randomLogits(_ count: Int, seed: UInt64, spread: Float = 3, step: Float? = nil) -> [Float] {
  var generator = RandomGenerator(seed: seed)
  return (0..<count).map { _ in
    let sum = (0..<12).reduce(-6) { sum, _ in sum + generator.nextUnit() }
    let logit = Float(sum) * spread
    return step.map { (logit / $0).rounded() * $0 } ?? logit
  }
}

extension Sampler {
  /// Samples from a copy, so that a test can use its logits again.
  mutating func sample(from logits: [Float]) throws(SamplingError) -> Int32 {
    var copy = logits
    var span = copy.mutableSpan
    return try sample(&span)
  }

  mutating func distribution(from logits: [Float]) throws(SamplingError) -> [TokenProbability] {
    var copy = logits
    var span = copy.mutableSpan
    return try distribution(&span)
  }
}
