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
    piece(of: id).map { Array($0.bytes) } ?? []
  }

  /// A token's bytes and type; nil: it has none.
  func piece(of id: Int32) -> (bytes: ArraySlice<UInt8>, type: Vocabulary.TokenType)? {
    if !added.isEmpty, let own = added[id] { return (own.bytes[...], own.type) }
    guard id >= 0, Int(id) < table.count else { return nil }
    return (table.bytes(of: Int(id)), types[Int(id)])
  }
}
