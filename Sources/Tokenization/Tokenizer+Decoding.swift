extension Tokenizer {
  /// The text of some tokens.
  ///
  /// Bytes that are no UTF-8 become U+FFFD. Where `encode` put a space before the text (SentencePiece), the first one is
  /// taken away again. An id outside the vocabulary has no text.
  ///
  /// - Parameter skipSpecial: leave out control and unknown tokens; else they appear as `<|im_end|>` and so on.
  public func decode(_ ids: [Int32], skipSpecial: Bool) -> String {
    var decoder = StreamingDecoder(self, skipSpecial: skipSpecial)
    var bytes: [UInt8] = []
    for id in ids { bytes.append(contentsOf: decoder.nextPiece(id)) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What a token stands for: any bytes, not always whole characters. Empty for an id outside the vocabulary.
  public func bytes(of id: Int32) -> [UInt8] {
    guard id >= 0, Int(id) < vocabularyCount else { return [] }
    return Array(table.bytes(of: Int(id)))
  }
}
