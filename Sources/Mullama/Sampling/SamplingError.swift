/// Why a sampler could not be made or a token could not be chosen.
public enum SamplingError: Error, Equatable, Sendable {
  /// An option is outside its range or not a number.
  case outOfRange(option: String, found: String, expected: String)
  /// `logitBias` names a token that the vocabulary lacks.
  case unknownToken(token: Int32, vocabularyCount: Int)
  /// The logit of this token is NaN.
  case notANumber(token: Int32)
  /// The logit of this token is plus infinity, so probabilities do not exist.
  case infinite(token: Int32)
  /// Every logit is minus infinity.
  case everyTokenForbidden
}

extension SamplingError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .outOfRange(let option, let found, let expected):
      "sampling option \(option) is \(found); give \(expected)"
    case .unknownToken(let token, let vocabularyCount):
      "logitBias names token \(token), but this model's tokens are 0..<\(vocabularyCount): "
        + "take the ids from this model's tokenizer"
    case .notANumber(let token):
      "the logit of token \(token) is not a number: the model file or an adapter holds damaged weights; "
        + "check them with `mullama inspect`"
    case .infinite(let token):
      "the logit of token \(token) is infinite: a bias, penalty or adapter scale is too large, "
        + "or the weights are damaged; lower it, or check the files with `mullama inspect`"
    case .everyTokenForbidden:
      "no token can be chosen because every logit is minus infinity: allow at least one token in logitBias"
    }
  }
}
