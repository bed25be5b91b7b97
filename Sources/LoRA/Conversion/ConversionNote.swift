/// What a user should know about a converted adapter.
package enum ConversionNote: Sendable, Equatable {
  /// Things that llama.cpp's format has no word for, in words; it refuses the file.
  case beyondLlamaCpp(what: [String])
  /// Pairs whose scale is not the file's: the ratio is in B.
  case folded(pairs: Int)
  /// Tensors that became F16 because their rows are not whole blocks of the type that was asked for.
  case unblocked(tensors: Int, type: String)
  /// Tokens that the model has rows for but no names; llama.cpp does not learn their names.
  case names(tokens: Int)
  /// Tokens that the tokenizer lists; which of them the model lacks is not known without it.
  case listed(tokens: Int)
}

extension ConversionNote: CustomStringConvertible {
  package var description: String {
    switch self {
    case .beyondLlamaCpp(let what):
      "llama.cpp refuses this file: its adapter format has no \(what.joined(separator: ", no ")); "
        + "they are in tensors of Mullama's own"
    case .folded(let pairs):
      "\(pairs) pairs have a scale of their own, which the format has not; it was multiplied into their B"
    case .unblocked(let tensors, let type):
      "\(tensors) tensors have rows that are no multiple of 32 long and were written as F16 instead of \(type)"
    case .names(let tokens):
      "llama.cpp does not know the names of \(tokens) added tokens; the model's own rows are theirs"
    case .listed(let tokens):
      "the \(tokens) tokens that its tokenizer lists are in the file; with --base only those that the model lacks"
    }
  }

  /// Whether it is worth a warning, rather than for the curious.
  package var isWarning: Bool {
    switch self {
    case .beyondLlamaCpp, .names: true
    case .folded, .unblocked, .listed: false
    }
  }
}
