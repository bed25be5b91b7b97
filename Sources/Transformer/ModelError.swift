/// What is wrong with a model file, or with what was asked of a model.
public enum ModelError: Error, Equatable, Sendable {
  case unsupportedArchitecture(file: String, name: String, supported: [String])
  case missingTensor(file: String, tensor: String)
  case wrongShape(file: String, tensor: String, expected: [Int], found: [Int])
  case invalidHyperparameter(file: String, key: String, expected: String, found: String)
  case unsupportedRopeScaling(file: String, name: String)
  case unsupportedTensorType(file: String, tensor: String, type: String)
  case contextExceeded(limit: Int, requested: Int)
  case tokenOutOfRange(token: Int, vocabulary: Int)
  case isAdapter(file: String)
  case vocabularyMismatch(file: String, tokens: Int, rows: Int)
  case noChatTemplate(file: String)
  case emptyPrompt
  case invalidThreadCount(Int)
  case invalidContextLength(Int)
  /// Bytes of keys and values that the tokens would take, and bytes of memory the machine has.
  case contextTooLarge(tokens: Int, bytes: Int, memory: Int)
  case invalidBatchSize(Int)
  case invalidTokenCount(Int)
}

extension ModelError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unsupportedArchitecture(let file, let name, let supported):
      "\(file): architecture '\(name)' is not supported; supported are \(supported.joined(separator: ", "))"
    case .missingTensor(let file, let tensor):
      "\(file): tensor '\(tensor)' is missing; the file is not a complete model"
    case .wrongShape(let file, let tensor, let expected, let found):
      "\(file): tensor '\(tensor)' is \(Self.shape(found)) but its hyperparameters need \(Self.shape(expected))"
    case .invalidHyperparameter(let file, let key, let expected, let found):
      "\(file): '\(key)' is \(found), expected \(expected)"
    case .unsupportedRopeScaling(let file, let name):
      "\(file): RoPE scaling '\(name)' is not supported"
    case .unsupportedTensorType(let file, let tensor, let type):
      "\(file): tensor '\(tensor)' has type \(type), which cannot be computed with"
    case .contextExceeded(let limit, let requested):
      "the context holds \(limit) tokens but \(requested) are needed; use a larger context or a shorter prompt"
    case .tokenOutOfRange(let token, let vocabulary):
      "token \(token) is not in the vocabulary of \(vocabulary) tokens"
    case .isAdapter(let file):
      "\(file): this is an adapter, not a model; name its base model and give the adapter with --lora"
    case .vocabularyMismatch(let file, let tokens, let rows):
      "\(file): the vocabulary has \(tokens) tokens but the embedding has only \(rows) rows"
    case .noChatTemplate(let file):
      "\(file): the model has no chat template; give a raw prompt"
    case .emptyPrompt:
      "the prompt is empty; give at least one token"
    case .invalidThreadCount(let count):
      "the number of threads must be 1 to 256, not \(count)"
    case .invalidContextLength(let count):
      "the context length must be 1 to 16777216 tokens, not \(count)"
    case .contextTooLarge(let tokens, let bytes, let memory):
      "a context of \(tokens) tokens takes \(bytes >> 20) MiB but this machine has \(memory >> 20) MiB; "
        + "use a shorter context"
    case .invalidBatchSize(let count):
      "the batch size must be 1 to 4096 tokens, not \(count)"
    case .invalidTokenCount(let count):
      "the number of tokens to generate must not be negative, but is \(count)"
    }
  }

  private static func shape(_ dimensions: [Int]) -> String {
    dimensions.map(String.init).joined(separator: " × ")
  }
}
