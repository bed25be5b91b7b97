import GGUF

/// The numbers that shape a decoder, read from `<architecture>.*` keys of a GGUF file and checked.
package struct Hyperparameters: Sendable {
  package let architecture: String
  package let contextLength: Int
  package let embeddingLength: Int
  package let layerCount: Int
  package let feedForwardLength: Int
  package let headCount: Int
  package let kvHeadCount: Int
  /// Values of one head's query, key and value.
  package let headSize: Int
  package let rmsEpsilon: Float
  package let vocabularySize: Int
  package let rope: RotaryEmbedding.Parameters
  /// The last positions, its own among them, that a token sees; nil: all before it.
  package let window: Int?
  /// nil: every layer has one dense feed-forward network.
  package let experts: Experts?

  /// Sizes beyond these are lies or mistakes: they bound every later product well inside 64 bits.
  static let largestSize = 1 << 24

  init(
    _ file: GGUFFile, architecture: String, experts rule: ExpertRule, hasWindow: Bool = false
  ) throws {
    let metadata = file.metadata
    func integer(_ name: String, default value: Int? = nil, in range: ClosedRange<Int>) throws -> Int {
      let key = "\(architecture).\(name)"
      let found: Int
      if let value, metadata[key] == nil {
        found = value
      } else {
        found = try metadata.requiredInt(key)
      }
      guard range.contains(found) else {
        throw ModelError.invalidHyperparameter(
          file: file.path, key: key, expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(found)"
        )
      }
      return found
    }
    self.architecture = architecture
    contextLength = try integer("context_length", in: 1...(1 << 28))
    embeddingLength = try integer("embedding_length", in: 1...Self.largestSize)
    layerCount = try integer("block_count", in: 1...4096)
    feedForwardLength = try integer("feed_forward_length", in: 1...Self.largestSize)
    experts = try Experts(
      file, architecture: architecture, rule: rule, feedForwardLength: feedForwardLength)
    headCount = try integer("attention.head_count", in: 1...65536)
    kvHeadCount = try integer("attention.head_count_kv", default: headCount, in: 1...65536)
    guard headCount % kvHeadCount == 0 else {
      throw ModelError.invalidHyperparameter(
        file: file.path, key: "\(architecture).attention.head_count_kv",
        expected: "a divisor of \(headCount)",
        found: "\(kvHeadCount)")
    }
    guard embeddingLength % headCount == 0 || metadata["\(architecture).attention.key_length"] != nil else {
      throw ModelError.invalidHyperparameter(
        file: file.path, key: "\(architecture).attention.head_count",
        expected: "a divisor of \(embeddingLength)",
        found: "\(headCount)")
    }
    headSize = try integer("attention.key_length", default: max(1, embeddingLength / headCount), in: 1...4096)
    let valueLength = try integer("attention.value_length", default: headSize, in: 1...4096)
    guard valueLength == headSize else {
      throw ModelError.invalidHyperparameter(
        file: file.path, key: "\(architecture).attention.value_length", expected: "\(headSize)",
        found: "\(valueLength)")
    }
    let epsilonKey = "\(architecture).attention.layer_norm_rms_epsilon"
    rmsEpsilon = try metadata.requiredFloat(epsilonKey)
    guard rmsEpsilon > 0, rmsEpsilon < 1 else {
      throw ModelError.invalidHyperparameter(
        file: file.path, key: epsilonKey, expected: "a number between 0 and 1", found: "\(rmsEpsilon)")
    }
    guard let embedding = file.tensor("token_embd.weight") else {
      throw ModelError.missingTensor(file: file.path, tensor: "token_embd.weight")
    }
    // Trailing dimensions of 1 say nothing.
    var dimensions = embedding.dimensions
    while dimensions.count > 2, dimensions.last == 1 { dimensions.removeLast() }
    guard dimensions.count == 2, dimensions[0] == embeddingLength else {
      throw ModelError.wrongShape(
        file: file.path, tensor: embedding.name,
        expected: [embeddingLength, dimensions.count > 1 ? dimensions[1] : 1],
        found: embedding.dimensions)
    }
    vocabularySize = dimensions[1]
    rope = try RotaryEmbedding.Parameters(
      file, architecture: architecture, headSize: headSize, contextLength: contextLength)
    // Converters write 0 for a model without one.
    let length = hasWindow ? try integer("attention.sliding_window", default: 0, in: 0...(1 << 28)) : 0
    window = length == 0 ? nil : length
  }

  /// Values in all query heads of a row, and in all key (or value) heads.
  package var queryLength: Int { headCount * headSize }
  package var kvLength: Int { kvHeadCount * headSize }
  /// Values in the longest row that any matrix of a layer multiplies.
  package var widestInput: Int {
    max(embeddingLength, experts?.feedForwardLength ?? feedForwardLength, queryLength)
  }
}
