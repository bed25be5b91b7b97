import ArgumentParser
import Mullama

/// How tokens are chosen. Defaults are the library's.
package struct SamplingArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Divides the logits; 0 always takes the most probable token (default: 0.8).")
  var temperature: Float?

  @Option(parsing: .unconditional, help: "Keep this many most probable tokens; 0: all (default: 40).")
  var topK: Int?

  @Option(parsing: .unconditional, help: "Keep the most probable tokens that sum to this (default: 0.95).")
  var topP: Float?

  @Option(
    parsing: .unconditional, help: "Keep tokens this many times as probable as the best (default: 0.05).")
  var minP: Float?

  @Option(parsing: .unconditional, help: "Divides the logits of recent tokens; 1: off (default: 1).")
  var repeatPenalty: Float?

  @Option(parsing: .unconditional, help: "Subtracted for each occurrence of a recent token (default: 0).")
  var frequencyPenalty: Float?

  @Option(parsing: .unconditional, help: "Subtracted for recent tokens (default: 0).")
  var presencePenalty: Float?

  @Option(help: "Makes the answer repeatable.")
  var seed: UInt64?

  @Option(
    help: ArgumentHelp("Added to a token's logit, -inf to forbid it; may be repeated.", valueName: "id=bias"))
  var logitBias: [LogitBias] = []

  package init() {}

  package func validate() throws {
    do { try options.validate() } catch { throw ValidationError("\(error)") }
  }

  package var options: SamplingOptions {
    var options = SamplingOptions()
    if let temperature { options.temperature = temperature }
    if let topK { options.topK = topK }
    if let topP { options.topP = topP }
    if let minP { options.minP = minP }
    if let repeatPenalty { options.repetitionPenalty = repeatPenalty }
    if let frequencyPenalty { options.frequencyPenalty = frequencyPenalty }
    if let presencePenalty { options.presencePenalty = presencePenalty }
    options.seed = seed
    for entry in logitBias { options.logitBias[entry.token] = entry.bias }
    return options
  }
}

/// `ID=BIAS`
package struct LogitBias: ExpressibleByArgument, Equatable {
  package let token: Int32
  package let bias: Float

  package init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let token = Int32(parts[0]), token >= 0, let bias = Float(parts[1]), !bias.isNaN
    else { return nil }
    self.token = token
    self.bias = bias
  }
}
