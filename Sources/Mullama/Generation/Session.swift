import Kernels
import Transformer

/// One sequence being evaluated: its tokens, their keys and values, and the memory of a forward pass.
///
/// Everything is allocated by `init`; a decode step allocates nothing. Not thread-safe: one caller at a time.
package final class Session {
  package let adapters: AdapterSet?
  /// The tokens whose keys and values are held.
  package private(set) var tokens: [Int32] = []
  /// The position from which an activated adapter acts; nil: it does not, or there is none.
  package private(set) var activeFrom: Int?
  private let decoder: Decoder
  private let sequence: SequenceState
  private let state: DecoderState
  private var batch = Batch()

  /// `capacity`: positions the sequence may have; `batchSize`: tokens of one forward pass in prefill.
  package init(_ decoder: Decoder, adapters: AdapterSet?, capacity: Int, batchSize: Int) {
    self.decoder = decoder
    self.adapters = adapters
    sequence = decoder.makeSequence(capacity: capacity)
    state = DecoderState(
      decoder, maximumTokens: min(batchSize, capacity), maximumLogits: 1,
      vocabularySize: decoder.vocabularySize(with: adapters))
    tokens.reserveCapacity(capacity)
  }

  package var capacity: Int { sequence.capacity }

  /// Makes `prompt` the sequence's content, keeping what it shares with the present one, and leaves the logits of its
  /// last token. Returns how many tokens were kept. An activated adapter acts from its sequence's last occurrence in
  /// `prompt` on.
  ///
  /// - Throws: `ModelError.contextExceeded`, before anything changes; `CancellationError` between two batches, when the
  ///   sequence holds the tokens evaluated so far.
  package func prefill(_ prompt: [Int32], isCancelled: () -> Bool = { false }) throws -> Int {
    guard prompt.count <= capacity else {
      throw ModelError.contextExceeded(limit: capacity, requested: prompt.count)
    }
    guard !prompt.isEmpty else { throw ModelError.emptyPrompt }
    var kept = 0
    // The last token is always evaluated: its logits are wanted.
    while kept < min(tokens.count, prompt.count - 1), tokens[kept] == prompt[kept] { kept += 1 }
    if let activation = adapters?.activation {
      let start = activation.start(in: prompt)
      // What lies before both beginnings was computed without the activated adapter, as it is now.
      if start != activeFrom { kept = min(kept, start ?? .max, activeFrom ?? .max) }
      truncate(to: kept)
      activeFrom = start
    } else {
      truncate(to: kept)
    }
    var next = kept
    while next < prompt.count {
      if isCancelled() { throw CancellationError() }
      let end = min(next + state.maximumTokens, prompt.count)
      try evaluate(prompt[next..<end], logits: end == prompt.count ? .last : .none)
      next = end
    }
    return kept
  }

  /// Appends one token and leaves the logits of what follows it.
  package func decode(_ token: Int32) throws(ModelError) {
    try evaluate(CollectionOfOne(token), logits: .last)
  }

  /// Appends tokens, at most a batch of them.
  package func evaluate(_ new: some Collection<Int32>, logits: Batch.Logits) throws(ModelError) {
    batch.removeAll()
    try batch.append(new, to: sequence, adapters: adapters, activeFrom: activeFrom, logits: logits)
    try decoder.forward(batch, state)
    tokens.append(contentsOf: new)
  }

  package func truncate(to count: Int) {
    sequence.truncate(to: count)
    tokens.removeLast(tokens.count - count)
  }

  /// Tokens of the model and of its adapters.
  package var vocabularySize: Int { decoder.vocabularySize(with: adapters) }

  /// The logits that the last evaluation left, one for each token of the vocabulary.
  package func withLogits<R>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> R) rethrows -> R {
    try state.logits.withRow(0, body)
  }

  /// Bytes of keys and values that the present tokens take.
  package var cacheByteCount: Int { sequence.store.byteCount(positions: tokens.count) }
}
