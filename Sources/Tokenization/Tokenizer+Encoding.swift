extension Tokenizer {
  /// The tokens of a text.
  ///
  /// User-defined tokens are recognised always, the longest first; control tokens (`<|im_end|>`) only with `parseSpecial`,
  /// which must be off for text that somebody else wrote. Any text can be encoded, but a byte that a byte-level vocabulary
  /// has no token for (SmolLM2 lacks some control characters) is left out, as llama.cpp does.
  ///
  /// - Parameters:
  ///   - addSpecial: put BOS in front and EOS behind, if the model wants them (`addsBOS`, `addsEOS`).
  ///   - parseSpecial: take the text of control tokens for the tokens.
  /// - Complexity: O(n log n) for n bytes.
  public func encode(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Int32] {
    var ids: [Int32] = []
    if addSpecial, addsBOS, let bos { ids.append(bos) }
    append(text.utf8.span, parseSpecial, &ids)
    if addSpecial, addsEOS, let eos { ids.append(eos) }
    return ids
  }

  private func append(_ text: Span<UInt8>, _ parseSpecial: Bool, _ ids: inout [Int32]) {
    var merger = SymbolMerger()
    var spacePrefix = addsSpacePrefix
    var position = 0
    while position < text.count {
      let special = specials.first(in: text, from: position, to: text.count, parsing: parseSpecial)
      let end = special?.start ?? text.count
      if end > position {
        switch model {
        case .bytePair(let model):
          model.encode(text, from: position, to: end, merger: &merger, into: &ids)
        case .sentencePiece(let model):
          model.encode(text, from: position, to: end, spacePrefix: spacePrefix, merger: &merger, into: &ids)
        }
      }
      guard let special else { break }
      ids.append(Int32(special.id))
      spacePrefix = addsSpacePrefix
      position = special.end
      if specialsTakeWhitespace { position = endOfTakenWhitespace(text, behind: special.id, from: position) }
    }
  }

  /// Phi-3's `rstrip`, which `<unk>`, `<s>` and `<|endoftext|>` have not.
  private func endOfTakenWhitespace(_ text: Span<UInt8>, behind id: Int, from start: Int) -> Int {
    let token = String(decoding: bytes(of: Int32(id)), as: UTF8.self)
    guard !["<unk>", "<s>", "<|endoftext|>"].contains(token) else { return start }
    var position = start
    while position < text.count, CharacterClass(ascii: text[position]).meets(.whitespace) { position += 1 }
    return position
  }
}
