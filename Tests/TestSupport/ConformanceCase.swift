import Testing

/// One reference computation: which adapters at which scales, over which tokens, and where its logits are.
package struct ConformanceCase: Codable, Equatable, Sendable, CustomTestStringConvertible {
  /// An adapter of the manifest, at the user's scale.
  package struct AppliedAdapter: Codable, Equatable, Sendable {
    package let name: String
    package let scale: Float
  }

  /// Unique in its manifest, as `lora@0.8+lora2@0.5.short`.
  package let id: String
  /// In order of application; empty for the base model.
  package let adapters: [AppliedAdapter]
  /// A key of the manifest's `sequences`.
  package let sequence: String
  /// The token positions whose next-token logits are stored, one row each.
  package let positions: [Int]
  /// The `.npy` file, relative to the manifest's folder.
  package let logits: String
  /// `[positions, vocabulary]`.
  package let shape: [Int]
  /// The reference's best token at each position.
  package let argmax: [Int]

  package var testDescription: String { id }
}
