/// A token that an adapter adds to a model's vocabulary.
package struct AddedToken: Sendable, Equatable {
  package let id: Int
  /// As it stands in a text.
  package let text: String
  /// Does it steer the model, rather than stand for text? Then it is recognised only where control tokens are, and hidden.
  package let isSpecial: Bool

  package init(id: Int, text: String, isSpecial: Bool) {
    self.id = id
    self.text = text
    self.isSpecial = isSpecial
  }
}
