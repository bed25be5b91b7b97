/// Makes recent tokens less likely: repetition (multiplicative), then frequency and presence (subtracted).
///
/// For a token that occurs c > 0 times in the window: logit ÷ r if positive, × r otherwise; then - c·f - p.
/// Source: the CTRL paper (Keskar et al. 2019) for repetition, OpenAI's API reference for the other two; combined as
/// in llama.cpp.
///
/// Memory is taken once, at init: the window in a ring, and a table of counts.
struct Penalties: LogitAdjustment {
  private let repetition: Float
  private let frequency: Float
  private let presence: Float
  private var counts: [Int32: Int32]

  /// The latest tokens; empty for the whole context, where none is ever forgotten.
  private var ring: [Int32]
  private var oldest = 0

  /// How many tokens the ring holds when full; nil for the whole context.
  private let window: Int?

  /// Nil when all three penalties are off or no token is recent.
  init?(_ options: SamplingOptions, vocabularyCount: Int) {
    let isOn =
      options.repetitionPenalty != 1 || options.frequencyPenalty != 0 || options.presencePenalty != 0
    guard isOn, options.penaltyWindow != 0 else { return nil }
    repetition = options.repetitionPenalty
    frequency = options.frequencyPenalty
    presence = options.presencePenalty
    window = options.penaltyWindow > 0 ? options.penaltyWindow : nil
    ring = []
    ring.reserveCapacity(window ?? 0)
    counts = Dictionary(minimumCapacity: min(window ?? vocabularyCount, vocabularyCount))
  }

  mutating func accept(_ token: Int32) {
    if let window {
      if ring.count < window {
        ring.append(token)
      } else {
        forget(ring[oldest])
        ring[oldest] = token
        oldest = oldest + 1 == ring.count ? 0 : oldest + 1
      }
    }
    counts[token, default: 0] &+= 1
  }

  func apply(to logits: inout MutableSpan<Float>) {
    // In the table's order, which varies; each token is edited once, so the result does not.
    for (token, count) in counts {
      let index = Int(token)
      let logit = logits[index]
      let repeated = logit > 0 ? logit / repetition : logit * repetition
      logits[index] = repeated - Float(count) * frequency - presence
    }
  }

  private mutating func forget(_ token: Int32) {
    guard let count = counts[token] else { return }
    counts[token] = count > 1 ? count - 1 : nil
  }
}
