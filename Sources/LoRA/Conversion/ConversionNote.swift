/// What a user should know about a converted adapter.
package enum ConversionNote: Sendable, Equatable {
  /// Things that llama.cpp's format has no word for, in words; it refuses the file.
  case beyondLlamaCpp(what: [String])
  /// Pairs whose scale is not the file's: the ratio is in B.
  case folded(pairs: Int)
  /// Tensors that became F16 because their rows are not whole blocks of the type that was asked for.
  case unblocked(tensors: Int, type: String)
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
    }
  }

  /// Whether it is worth a warning, rather than for the curious.
  package var isWarning: Bool { if case .beyondLlamaCpp = self { true } else { false } }
}
