import LoRA

extension LoRAAdapter {
  /// The changes of one kind of base tensor, over all layers.
  public struct Module: Sendable, Equatable {
    /// `attn_q` for `blk.0.attn_q.weight`, `blk.1.attn_q.weight`, …
    public let name: String
    /// Changes.
    public let count: Int
    /// Of its factors; 0 where something is replaced.
    public let ranks: ClosedRange<Int>
    /// Weight types of the matrices, sorted.
    public let types: [String]
    public let byteCount: Int
  }

  /// What the adapter changes, kind by kind, in the order of the file.
  public var modules: [Module] {
    var order: [String] = []
    var changes: [String: [Change]] = [:]
    for change in adapter.changes {
      let name = Self.moduleName(change.tensor)
      if changes[name] == nil { order.append(name) }
      changes[name, default: []].append(change)
    }
    return order.compactMap { name in
      guard let members = changes[name] else { return nil }
      let ranks = members.map { $0.pair?.rank ?? 0 }
      guard let least = ranks.min(), let most = ranks.max() else { return nil }
      return Module(
        name: name, count: Set(members.map(\.tensor)).count, ranks: least...most,
        types: Set(members.flatMap { $0.matrices.map(\.matrix.type.name) }).sorted(),
        byteCount: members.reduce(0) { $0 + $1.byteCount })
    }
  }

  /// What it is for, in its maker's words; nil: the file does not say.
  public var taskName: String? { adapter.taskName }

  /// What its maker put before every prompt in training, to be put there again; nil: the file does not say.
  public var promptPrefix: String? { adapter.promptPrefix }

  /// Everything that keeps the adapter from being applied to a model; empty: it fits.
  public func problems(with model: Model) -> [AdapterError] {
    model.binder.problems(adapter)
  }

  private static func moduleName(_ tensor: String) -> String {
    var parts = tensor.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count > 2, parts[0] == "blk" { parts.removeFirst(2) }
    if parts.count > 3, parts[0] == "model", parts[1] == "layers" { parts.removeFirst(3) }
    if parts.count > 1, parts.last == "weight" { parts.removeLast() }
    return parts.joined(separator: ".")
  }
}
