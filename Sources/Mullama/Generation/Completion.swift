/// What bounds and shapes a generation.
public struct GenerationOptions: Sendable, Equatable {
  /// Tokens to generate at most; nil: as many as the context holds.
  public var maxTokens: Int?
  public var sampling: SamplingOptions
  /// Generation ends where one of these appears; it is not part of the text.
  public var stop: [String]
  /// Goes on past the model's own end of its answer.
  public var ignoresEnd: Bool

  public init(
    maxTokens: Int? = nil, sampling: SamplingOptions = SamplingOptions(), stop: [String] = [],
    ignoresEnd: Bool = false
  ) {
    self.maxTokens = maxTokens
    self.sampling = sampling
    self.stop = stop
    self.ignoresEnd = ignoresEnd
  }
}

/// Why a generation ended.
public enum FinishReason: String, Sendable, Codable {
  /// The model ended its answer, or a stop string appeared.
  case stop
  /// `maxTokens` were generated, or the context was full.
  case length
}

/// A finished generation.
public struct Completion: Sendable {
  public let text: String
  /// Generated ids, without the one that ended the answer.
  public let tokens: [Int32]
  public let finishReason: FinishReason
  public let promptTokens: Int
  /// Tokens of the prompt that the context still held from before, and did not evaluate again.
  public let reusedTokens: Int
  /// An activated adapter that stayed off, because its invocation sequence is not in the prompt; nil: none did.
  public let inactiveAdapter: String?
  /// The seed that was used, also when none was asked for.
  public let seed: UInt64
  /// Seconds from the start to the first token's logits.
  public let prefillSeconds: Double
  /// Seconds of everything after that.
  public let decodeSeconds: Double

  /// Prompt tokens evaluated per second.
  public var prefillTokensPerSecond: Double {
    prefillSeconds > 0 ? Double(promptTokens - reusedTokens) / prefillSeconds : 0
  }
  /// Tokens decoded per second; the first one came out of the prefill.
  public var decodeTokensPerSecond: Double {
    decodeSeconds > 0 ? Double(max(0, tokens.count - 1)) / decodeSeconds : 0
  }
}
