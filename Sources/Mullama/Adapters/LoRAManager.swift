import LoRA

/// The adapters of a model by name: added, scaled, replaced and removed while the base stays loaded.
///
/// New contexts see a change, running ones keep the adapters they started with. Every change is atomic: it happens
/// wholly or, with an error, not at all. Safe to use from several threads.
public struct LoRAManager: Sendable {
  public let model: Model

  public init(_ model: Model) { self.model = model }

  /// What is applied, in the order it was added.
  public var adapters: [AppliedAdapter] { model.adapters }

  public subscript(name: String) -> AppliedAdapter? { adapters.first { $0.name == name } }

  /// Applies an adapter under a name of its own.
  ///
  /// - Throws: `AdapterError.nameTaken`, or what keeps the adapter from fitting the model.
  public func add(_ adapter: LoRAAdapter, scale: Float = 1, name: String? = nil) throws {
    let name = name ?? adapter.name
    try model.change { entries in
      guard !entries.contains(where: { $0.name == name }) else { throw AdapterError.nameTaken(name: name) }
      entries.append(AppliedAdapter(name: name, adapter: adapter, scale: scale))
    }
  }

  /// Takes an adapter away. It is freed when the last context that uses it ends.
  ///
  /// - Throws: `AdapterError.unknownName`.
  public func remove(_ name: String) throws {
    try edit(name) { entries, index in entries.remove(at: index) }
  }

  /// Changes an adapter's scale; 0 switches it off without forgetting it.
  public func setScale(_ scale: Float, of name: String) throws {
    try edit(name) { entries, index in
      entries[index] = AppliedAdapter(name: name, adapter: entries[index].adapter, scale: scale)
    }
  }

  /// Puts another adapter in a name's place, with the old scale unless a new one is given.
  public func replace(_ name: String, with adapter: LoRAAdapter, scale: Float? = nil) throws {
    try edit(name) { entries, index in
      entries[index] = AppliedAdapter(name: name, adapter: adapter, scale: scale ?? entries[index].scale)
    }
  }

  public func removeAll() { model.removeAllAdapters() }

  private func edit(_ name: String, _ change: (inout [AppliedAdapter], Int) -> Void) throws {
    try model.change { entries in
      guard let index = entries.firstIndex(where: { $0.name == name }) else {
        throw AdapterError.unknownName(name: name, known: entries.map(\.name))
      }
      change(&entries, index)
    }
  }
}
