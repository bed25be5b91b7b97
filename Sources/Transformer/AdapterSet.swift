import Kernels

/// Adapters bound to one model at fixed scales: an immutable value that requests pin while they run.
///
/// Equal ids mean equal effect: the id is made of each adapter's content hash and effective scale.
package final class AdapterSet: Sendable, Identifiable {
  /// What an activated adapter (aLoRA) waits for.
  package struct Activation: Sendable {
    /// The adapter's name.
    package let adapter: String
    /// The invocation sequence; not empty.
    package let tokens: [Int32]
    /// What acts until then: the set without the activated adapter; nil: the base model.
    package let before: AdapterSet?

    package init(adapter: String, tokens: [Int32], before: AdapterSet?) {
      precondition(!tokens.isEmpty)
      self.adapter = adapter
      self.tokens = tokens
      self.before = before
    }

    /// The position from which the whole set acts: the first token of the last occurrence of the invocation sequence.
    /// nil: it does not occur.
    ///
    /// - Complexity: O(prompt × sequence).
    package func start(in prompt: [Int32]) -> Int? {
      var start = prompt.count - tokens.count
      while start >= 0 {
        if prompt[start...].starts(with: tokens) { return start }
        start -= 1
      }
      return nil
    }
  }

  package let id: String
  package let deltas: DeltaSet
  /// Norm weights that replace the model's, by site.
  package let norms: [Int: Matrix]
  /// nil: the set acts from the first token on.
  package let activation: Activation?
  /// Tokens that the model has no text for, ascending by id.
  package let addedTokens: [AddedToken]
  /// nil: all ids are within the model's matrices.
  package let outputExtension: OutputExtension?

  package init(
    id: String, deltas: DeltaSet, norms: [Int: Matrix] = [:], activation: Activation? = nil,
    addedTokens: [AddedToken] = [], outputExtension: OutputExtension? = nil
  ) {
    self.id = id
    self.deltas = deltas
    self.norms = norms
    self.activation = activation
    self.addedTokens = addedTokens
    self.outputExtension = outputExtension
  }
}

extension Decoder {
  /// Ids that a set knows, and logits that it yields.
  package func vocabularySize(with adapters: AdapterSet?) -> Int {
    hyperparameters.vocabularySize + (adapters?.outputExtension?.count ?? 0)
  }
}
