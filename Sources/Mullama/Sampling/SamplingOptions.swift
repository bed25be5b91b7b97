/// How the next token is chosen from the model's logits.
///
/// The steps run in this order: penalties, logit bias, then either the largest logit (`temperature` 0) or
/// top-k, top-p, min-p, temperature and a random draw. Because temperature comes last, top-p and min-p judge the
/// model's own probabilities, whatever the temperature.
public struct SamplingOptions: Sendable, Equatable {
  /// Divides the logits before the draw; 0 always takes the most probable token (lowest id on ties). At least 0.
  public var temperature: Float

  /// Keeps this many most probable tokens; 0 keeps all.
  public var topK: Int

  /// Keeps the smallest set of most probable tokens whose probabilities sum to at least this; 1 keeps all.
  /// In 0...1. At least one token always stays.
  public var topP: Float

  /// Keeps tokens at least this many times as probable as the most probable one; 0 keeps all. In 0...1.
  public var minP: Float

  /// Divides positive and multiplies negative logits of recent tokens; 1 changes nothing. Above 0.
  public var repetitionPenalty: Float

  /// Subtracted from a recent token's logit once per occurrence; 0 changes nothing. In -100...100.
  public var frequencyPenalty: Float

  /// Subtracted from a recent token's logit once, however often it occurred; 0 changes nothing. In -100...100.
  public var presencePenalty: Float

  /// How many of the latest tokens are recent for the three penalties; -1 means the whole context, 0 none.
  /// At most 1,048,576.
  public var penaltyWindow: Int

  /// Makes the draws repeatable; nil takes a random seed, which `Sampler.seed` tells.
  public var seed: UInt64?

  /// Added to the logits of these tokens; minus infinity forbids a token.
  public var logitBias: [Int32: Float]

  public init(
    temperature: Float = 0.8, topK: Int = 40, topP: Float = 0.95, minP: Float = 0.05,
    repetitionPenalty: Float = 1, frequencyPenalty: Float = 0, presencePenalty: Float = 0,
    penaltyWindow: Int = 64, seed: UInt64? = nil, logitBias: [Int32: Float] = [:]
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.frequencyPenalty = frequencyPenalty
    self.presencePenalty = presencePenalty
    self.penaltyWindow = penaltyWindow
    self.seed = seed
    self.logitBias = logitBias
  }

  /// Always the most probable token, without penalties or bias.
  public static let greedy = SamplingOptions(temperature: 0)

  /// Checks every range; whether biased tokens exist is checked against the vocabulary when a sampler is made.
  ///
  /// - Throws: `SamplingError.outOfRange` for the first option that is outside its range or not a number.
  public func validate() throws(SamplingError) {
    func require(_ holds: Bool, _ option: String, _ found: some Any, _ expected: String)
      throws(SamplingError)
    {
      guard holds else {
        throw .outOfRange(option: option, found: "\(found)", expected: expected)
      }
    }
    try require(
      temperature >= 0 && temperature.isFinite, "temperature", temperature, "0 or a positive number")
    try require(topK >= 0, "topK", topK, "0 (off) or a positive count")
    try require((0...1).contains(topP), "topP", topP, "a number in 0...1")
    try require((0...1).contains(minP), "minP", minP, "a number in 0...1")
    try require(
      repetitionPenalty > 0 && repetitionPenalty.isFinite, "repetitionPenalty", repetitionPenalty,
      "a positive number (1 is off)")
    try require(
      (-100...100).contains(frequencyPenalty), "frequencyPenalty", frequencyPenalty, "a number in -100...100")
    try require(
      (-100...100).contains(presencePenalty), "presencePenalty", presencePenalty, "a number in -100...100")
    try require(
      (-1...Self.largestPenaltyWindow).contains(penaltyWindow), "penaltyWindow", penaltyWindow,
      "-1 (whole context) or a count up to \(Self.largestPenaltyWindow)")
    for (token, bias) in logitBias.sorted(by: { $0.key < $1.key }) {
      try require(
        bias < .infinity, "logitBias[\(token)]", bias, "a finite number or minus infinity")
    }
  }

  /// Bounds the memory that one request's window can ask for (4 bytes per token).
  static let largestPenaltyWindow = 1 << 20
}
