import Kernels
import Tokenization
import Transformer

/// Evaluates whole token sequences and shows the logits of many positions, a few rows at a time.
///
/// It uses the adapters that were applied to the model when it was made. Memory is taken once, by `init`: the rows of
/// logits that exist at a time are bounded, however long the sequence. Not thread-safe: one caller at a time.
package final class LogitsEvaluator {
  private let decoder: Decoder
  private let adapters: AdapterSet?
  /// With the tokens that the adapters add.
  package let tokenizer: Tokenizer
  private let sequence: SequenceState
  private let state: DecoderState
  private var batch = Batch()
  /// An activated adapter that stayed off in the last sequence, because its invocation tokens are not in it.
  package private(set) var inactiveAdapter: String?

  /// Tokens of one pass where no logits are wanted, and where they are.
  private static let silentTokens = 512
  private static let shownTokens = 64

  /// `capacity`: tokens of the longest sequence.
  package init(_ model: Model, capacity: Int) throws(ModelError) {
    let capacity = try model.contextLength(ContextOptions(length: capacity))
    decoder = model.decoder
    adapters = model.boundAdapters
    tokenizer = model.tokenizer(with: adapters)
    sequence = decoder.makeSequence(capacity: capacity)
    state = DecoderState(
      decoder, maximumTokens: min(Self.silentTokens, capacity),
      maximumLogits: min(Self.shownTokens, capacity),
      vocabularySize: decoder.vocabularySize(with: adapters))
  }

  /// Logits of a position.
  package var vocabularySize: Int { decoder.vocabularySize(with: adapters) }

  /// Evaluates `tokens` as a sequence of their own; `body` receives the position and logits of each token from `first`
  /// on, in order.
  ///
  /// - Throws: `emptyPrompt`, `contextExceeded` or `tokenOutOfRange`, and what `body` throws.
  package func evaluate(
    _ tokens: [Int32], from first: Int,
    _ body: (_ position: Int, _ logits: UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    guard !tokens.isEmpty else { throw ModelError.emptyPrompt }
    precondition(first >= 0 && first < tokens.count)
    guard tokens.count <= sequence.capacity else {
      throw ModelError.contextExceeded(limit: sequence.capacity, requested: tokens.count)
    }
    sequence.truncate(to: 0)
    let activeFrom = adapters?.activation?.start(in: tokens)
    inactiveAdapter = activeFrom == nil ? adapters?.activation?.adapter : nil
    var next = 0
    while next < tokens.count {
      let isShown = next >= first
      let end =
        isShown ? min(next + state.maximumLogits, tokens.count) : min(next + state.maximumTokens, first)
      batch.removeAll()
      try batch.append(
        tokens[next..<end], to: sequence, adapters: adapters, activeFrom: activeFrom,
        logits: isShown ? .all : .none)
      try decoder.forward(batch, state)
      if isShown {
        for row in 0..<end - next { try state.logits.withRow(row) { try body(next + row, $0) } }
      }
      next = end
    }
  }
}
