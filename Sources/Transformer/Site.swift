/// A place in a model where an adapter can act. Its number indexes a `DeltaSet`; tied embedding and output are two.
package struct Site: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    /// `y = W·x`
    case linear
    /// A row of the matrix for each token.
    case embedding
    /// The matrix that yields logits.
    case output
    /// A vector that scales normalised values.
    case norm
  }

  /// The order in which the GGUF converter of this architecture wrote a matrix's rows.
  package enum RowOrder: Sendable, Equatable {
    case asTrained
    /// Rows of each of `heads` heads reordered so that rotary pairs are neighbours (arch `llama`, q and k).
    case rotaryPairs(heads: Int)
  }

  /// The tensor's name in the file, as adapters use it: `blk.0.attn_q.weight`.
  package let tensor: String
  package let kind: Kind
  /// ggml order: `[inputs, outputs]`, of one expert where there are several; norms have one dimension.
  package let dimensions: [Int]
  package let rowOrder: RowOrder
  /// Which matrix of a stack, where the tensor is one of experts: each has a site, and they follow each other.
  package var expert: Int?

  package var inputs: Int { dimensions[0] }
  package var outputs: Int { dimensions.count > 1 ? dimensions[1] : dimensions[0] }
}
