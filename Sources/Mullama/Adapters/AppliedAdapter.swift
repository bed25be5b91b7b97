/// An adapter that is applied to a model.
public struct AppliedAdapter: Sendable {
  public let name: String
  public let adapter: LoRAAdapter
  /// What the user asked for; 0 leaves the base model as it is.
  public let scale: Float
  /// Another number after each change of the entry: what `expecting:` of `LoRAManager` compares.
  public let generation: Int
}
