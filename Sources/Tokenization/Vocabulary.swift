/// A vocabulary as a file describes it, not yet checked; `Tokenizer.init` checks it.
package struct Vocabulary: Sendable {
  /// `tokenizer.ggml.model`.
  package enum Model: String, CaseIterable, Sendable {
    /// Byte-level BPE: pairs merge by rank.
    case gpt2
    /// SentencePiece BPE: pairs merge by the score of the result, bytes are the fallback.
    case llama
  }

  /// `tokenizer.ggml.token_type`; the numbers are the file's.
  package enum TokenType: Int32, Sendable {
    case undefined, normal, unknown, control, userDefined, unused, byte
  }

  package var model: Model
  /// `tokenizer.ggml.pre`; only byte-level BPE has one.
  package var preTokenizer: String?
  package var tokens: [String]
  /// One for each token, or nil: all are normal.
  package var types: [Int]?
  /// One for each token; needed by `.llama`.
  package var scores: [Float]?
  /// "left right", best first; needed by `.gpt2`.
  package var merges: [String]?

  package var bos: Int?
  package var eos: Int?
  package var endOfTurn: Int?
  package var endOfMessage: Int?
  package var unknown: Int?
  package var padding: Int?

  /// nil: as is usual for the model and the pre-tokenizer.
  package var addsBOS: Bool?
  package var addsEOS: Bool?
  package var addsSpacePrefix: Bool?
  /// Whether special tokens swallow the white space behind them; no key says so, see `Vocabulary+GGUF.swift`.
  package var specialsTakeWhitespace = false

  package init(model: Model, preTokenizer: String? = nil, tokens: [String]) {
    self.model = model
    self.preTokenizer = preTokenizer
    self.tokens = tokens
  }
}

/// The names of the file's keys, for reading and for errors.
extension Vocabulary {
  enum Key {
    static let model = "tokenizer.ggml.model"
    static let preTokenizer = "tokenizer.ggml.pre"
    static let tokens = "tokenizer.ggml.tokens"
    static let types = "tokenizer.ggml.token_type"
    static let scores = "tokenizer.ggml.scores"
    static let merges = "tokenizer.ggml.merges"
    static let bos = "tokenizer.ggml.bos_token_id"
    static let eos = "tokenizer.ggml.eos_token_id"
    static let endOfTurn = "tokenizer.ggml.eot_token_id"
    static let endOfMessage = "tokenizer.ggml.eom_token_id"
    static let unknown = "tokenizer.ggml.unknown_token_id"
    static let padding = "tokenizer.ggml.padding_token_id"
    static let addsBOS = "tokenizer.ggml.add_bos_token"
    static let addsEOS = "tokenizer.ggml.add_eos_token"
    static let addsSpacePrefix = "tokenizer.ggml.add_space_prefix"
  }
}
