/// The forward path in steps, so that passes over two batches can be measured in turns.
extension Decoder {
  /// Steps of a pass: its begin, the halves of each layer, its end.
  package var stepCount: Int { 2 * weights.layers.count + 2 }

  /// One step of `forward`, which is all of them in order, with no other pass over `s` between them.
  ///
  /// - Parameter step: in `0..<stepCount`.
  /// - Throws: `tokenOutOfRange`, in the first step; nothing has changed then.
  package func forward(_ batch: Batch, _ s: DecoderState, step: Int) throws(ModelError) {
    precondition((0..<stepCount).contains(step))
    let (layer, half) = (step - 1).quotientAndRemainder(dividingBy: 2)
    if step == 0 {
      try begin(batch, s)
    } else if step == stepCount - 1 {
      finish(batch, s)
    } else if half == 0 {
      attention(layer, batch, s)
    } else {
      feedForward(layer, batch, s)
    }
  }
}
