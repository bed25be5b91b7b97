import LoRA

extension LoRAAdapter {
  /// The factor pairs of one kind of base tensor, over all layers.
  public struct Module: Sendable, Equatable {
    /// `attn_q` for `blk.0.attn_q.weight`, `blk.1.attn_q.weight`, …
    public let name: String
    /// Tensors it changes.
    public let count: Int
    public let ranks: ClosedRange<Int>
    /// Weight types of the factors, sorted.
    public let types: [String]
    public let byteCount: Int
  }

  /// What the adapter changes, kind by kind, in the order of the file.
  public var modules: [Module] {
    var order: [String] = []
    var pairs: [String: [Adapter.Pair]] = [:]
    for pair in adapter.pairs {
      let name = Self.moduleName(pair.tensor)
      if pairs[name] == nil { order.append(name) }
      pairs[name, default: []].append(pair)
    }
    return order.compactMap { name in
      guard let members = pairs[name], let least = members.map(\.rank).min(),
        let most = members.map(\.rank).max()
      else { return nil }
      return Module(
        name: name, count: Set(members.map(\.tensor)).count, ranks: least...most,
        types: Set(members.flatMap { [$0.a.type.name, $0.b.type.name] }).sorted(),
        byteCount: members.reduce(0) { $0 + $1.byteCount })
    }
  }

  /// What it is for, in its maker's words; nil: the file does not say.
  public var taskName: String? { adapter.taskName }

  /// Everything that keeps the adapter from being applied to a model; empty: it fits.
  public func problems(with model: Model) -> [AdapterError] {
    AdapterBinding.problems(adapter, model.decoder)
  }

  private static func moduleName(_ tensor: String) -> String {
    var parts = tensor.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count > 2, parts[0] == "blk" { parts.removeFirst(2) }
    if parts.count > 1, parts.last == "weight" { parts.removeLast() }
    return parts.joined(separator: ".")
  }
}
