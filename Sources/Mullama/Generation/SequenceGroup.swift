import Kernels
import Transformer

/// Sequences that begin alike and are then decoded together, a token of each in one pass: what measuring needs.
///
/// Memory is taken by `init`; a step allocates nothing. Not thread-safe: one caller at a time.
package final class SequenceGroup {
  /// Whether the adapters that were applied to the model at `init` take part.
  package var usesAdapters = true
  private let decoder: Decoder
  private let adapters: AdapterSet?
  private let sequences: [SequenceState]
  private let state: DecoderState
  private var batch = Batch()

  /// `batchSize`: tokens of one forward pass in prefill.
  init(_ decoder: Decoder, adapters: AdapterSet?, count: Int, capacity: Int, batchSize: Int) {
    precondition(count > 0)
    self.decoder = decoder
    self.adapters = adapters
    sequences = (0..<count).map { _ in decoder.makeSequence(capacity: capacity) }
    state = DecoderState(
      decoder, maximumTokens: max(count, min(batchSize, capacity)), maximumLogits: count,
      vocabularySize: decoder.vocabularySize(with: adapters))
  }

  package var count: Int { sequences.count }

  /// Appends tokens to the first sequence and leaves the logits of what follows the last.
  ///
  /// - Throws: `contextExceeded`, `tokenOutOfRange`.
  package func prefill(_ tokens: [Int32]) throws(ModelError) {
    for pass in passes(prefill: tokens) { try run(pass) }
  }

  /// Gives the first `count` sequences the same `length` positions: the first one's, which has at least that many.
  package func align(_ count: Int, length: Int) {
    for sequence in sequences.prefix(count) {
      if sequence.length < length {
        sequence.copy(sequences[0], length: length)
      } else {
        sequence.truncate(to: length)
      }
    }
  }

  /// One pass over the weights.
  package enum Pass {
    /// The next tokens of the first sequence, and whether the logits of what follows the last are wanted.
    case prefill(ArraySlice<Int32>, logits: Bool)
    /// The next token of each of the first sequences; the logits of what follows each are left.
    case decode(ArraySlice<Int32>)
  }

  /// The passes of `prefill`.
  package func passes(prefill tokens: [Int32]) -> [Pass] {
    stride(from: 0, to: tokens.count, by: state.maximumTokens).map { first in
      let end = min(first + state.maximumTokens, tokens.count)
      return .prefill(tokens[first..<end], logits: end == tokens.count)
    }
  }

  /// Steps of each pass.
  package var stepCount: Int { decoder.stepCount }

  /// One step of a pass; the steps of a pass are done in order.
  ///
  /// - Throws: `contextExceeded`, `tokenOutOfRange`, in the first step.
  package func run(_ pass: Pass, step: Int) throws(ModelError) {
    if step == 0 { try fillBatch(pass) }
    try decoder.forward(batch, state, step: step)
  }

  /// All steps of a pass.
  ///
  /// - Throws: `contextExceeded`, `tokenOutOfRange`.
  package func run(_ pass: Pass) throws(ModelError) {
    try fillBatch(pass)
    try decoder.forward(batch, state)
  }

  private func fillBatch(_ pass: Pass) throws(ModelError) {
    let adapters = usesAdapters ? adapters : nil
    batch.removeAll()
    switch pass {
    case .prefill(let tokens, let logits):
      try batch.append(tokens, to: sequences[0], adapters: adapters, logits: logits ? .last : .none)
    case .decode(let tokens):
      for (sequence, token) in zip(sequences, tokens) {
        try batch.append(CollectionOfOne(token), to: sequence, adapters: adapters, logits: .last)
      }
    }
  }

  /// The logits that the last pass left for one of its sequences.
  package func withLogits<R>(
    _ index: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> R
  ) rethrows -> R { try state.logits.withRow(index, body) }

  /// Bytes of keys and values that the present positions of all sequences take.
  package var cacheByteCount: Int {
    sequences.reduce(0) { $0 + $1.store.byteCount(positions: $1.length) }
  }
}
