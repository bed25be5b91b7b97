import Foundation
import GGUF

import Tokenization

/// `Fixtures/tokenizers` of the repository.
enum Fixtures {
  static let folder = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/tokenizers")

  /// A text with the tokens that the reference implementation gave.
  struct Case: Decodable {
    let text: String
    let parseSpecial: Bool
    let ids: [Int32]
  }

  static let bytePair = [
    "bpe-dbrx", "bpe-gpt2", "bpe-llama3", "bpe-qwen2", "bpe-refact", "bpe-smollm", "bpe-smollm3",
  ]
  static let sentencePiece = ["spm-gemma", "spm-llama", "spm-phi3"]

  static func vocabulary(_ name: String) throws -> Vocabulary {
    try Vocabulary(GGUFFile.open(folder.appending(path: "\(name).gguf").path).metadata)
  }

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(vocabulary(name))
  }

  static func cases(_ name: String) throws -> [Case] {
    try decode([Case].self, "\(name).json")
  }

  static func decode<T: Decodable>(_ type: T.Type, _ file: String) throws -> T {
    try JSONDecoder().decode(type, from: Data(contentsOf: folder.appending(path: file)))
  }
}

/// A small deterministic generator, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Words, white space, marks, any scalars.
  mutating func text() -> String {
    let atoms = [
      "the", "Program", " ", "  ", "\n", "\t", "don't", "12345", "é", "e\u{301}", "中文", "😀", "👨\u{200D}👩",
      "▁", "<s>",
      "<0x41>", "<|im_end|>", "\u{0}", "...", "x_y", "ß",
    ]
    var text = ""
    for _ in 0..<Int.random(in: 0...20, using: &self) {
      if Bool.random(using: &self) {
        text += atoms.randomElement(using: &self)!
      } else if let scalar = Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &self)) {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
