import LoRA
import Transformer

/// The adapters of a model by name: added, scaled, replaced and removed while the base stays loaded.
///
/// New contexts see a change, running ones keep the adapters they started with. Every change is atomic: it happens
/// wholly or, with an error, not at all. Safe to use from several threads; all managers of a model show the same.
///
/// A name is *applied*, and then part of every new context, or only *registered*, for contexts that choose it by name.
/// Each change gives the entry a new generation number and returns it. A change that names the generation it expects
/// fails with `generationMismatch` where somebody else was faster.
public struct LoRAManager: Sendable {
  public let model: Model

  public init(_ model: Model) { self.model = model }

  /// What is applied, in the order in which the names came.
  public var adapters: [AppliedAdapter] { model.adapters }

  /// The applied adapter of a name; nil also where the name is only registered (see `residency`).
  public subscript(name: String) -> AppliedAdapter? { adapters.first { $0.name == name } }

  /// Applies an adapter under a name of its own. An adapter that has a name already gets a second one, and its scales
  /// add up; `Model.applyAdapter` changes the scale instead.
  ///
  /// - Throws: `AdapterError.nameTaken`, `budgetExceeded`, or what keeps the adapter from fitting the model.
  @discardableResult
  public func add(_ adapter: LoRAAdapter, scale: Float = 1, name: String? = nil) throws -> Int {
    try insert(adapter, name: name ?? adapter.name, scale: scale)
  }

  /// Makes an adapter known under a name without applying it: `Context(_:named:)` and `apply` choose it.
  ///
  /// - Throws: as `add`.
  @discardableResult
  public func register(_ adapter: LoRAAdapter, name: String? = nil) throws -> Int {
    try insert(adapter, name: name ?? adapter.name, scale: nil)
  }

  /// The same, from its file, which is read and checked now.
  ///
  /// - Throws: also what `LoRAAdapter.load` throws.
  @discardableResult
  public func register(path: String, name: String? = nil) throws -> Int {
    try register(LoRAAdapter.load(path), name: name)
  }

  /// Applies a registered adapter, or changes the scale of an applied one; reads it again if it was evicted.
  ///
  /// - Throws: `AdapterError.unknownName`, `generationMismatch`, `invalidScale`, `budgetExceeded`, `fileChanged`,
  ///   `fileGone`, or what is wrong with its file.
  @discardableResult
  public func apply(_ name: String, scale: Float = 1, expecting generation: Int? = nil) throws -> Int {
    // The generation is looked at before a file is read for nothing, and again when the change is made.
    _ = try model.registry.withLock { registry throws(AdapterError) in
      try registry.index(of: name, expecting: generation)
    }
    return try model.changeAdapters(withResident: [name]) { registry, prepared in
      let new = registry.setScale(scale, try registry.index(of: name, expecting: generation))
      try registry.rebind(prepared)
      return new
    }
  }

  /// Changes an adapter's scale, as `apply` does; 0 switches it off without forgetting it.
  @discardableResult
  public func setScale(_ scale: Float, of name: String, expecting generation: Int? = nil) throws -> Int {
    try apply(name, scale: scale, expecting: generation)
  }

  /// Takes an adapter from the applied ones and leaves it registered.
  ///
  /// - Throws: `AdapterError.unknownName`, `generationMismatch`.
  @discardableResult
  public func unapply(_ name: String, expecting generation: Int? = nil) throws -> Int {
    try model.changeAdapters { registry, prepared in
      let new = registry.setScale(nil, try registry.index(of: name, expecting: generation))
      try registry.rebind(prepared)
      return new
    }
  }

  /// Puts another adapter in a name's place, with the old scale unless a new one is given. What was only registered stays
  /// so unless a scale is given.
  ///
  /// - Throws: `AdapterError.unknownName`, `generationMismatch`, `budgetExceeded`, or what keeps the adapter from fitting.
  @discardableResult
  public func replace(
    _ name: String, with adapter: LoRAAdapter, scale: Float? = nil, expecting generation: Int? = nil
  ) throws -> Int {
    try model.changeAdapters { registry, prepared in
      let index = try registry.index(of: name, expecting: generation)
      let new = registry.replace(index, with: adapter, scale: scale ?? registry.entries[index].scale)
      try admit(name, &registry, prepared)
      return new
    }
  }

  /// Forgets a name. The adapter is freed when the last context that uses it ends.
  ///
  /// - Throws: `AdapterError.unknownName`, `generationMismatch`.
  public func remove(_ name: String, expecting generation: Int? = nil) throws {
    try model.changeAdapters { registry, prepared in
      _ = try registry.index(of: name, expecting: generation)
      registry.remove { $0.name == name }
      try registry.rebind(prepared)
    }
  }

  /// Forgets all names, registered ones too.
  public func removeAll() { model.removeAdapters { _ in true } }

  private func insert(_ adapter: LoRAAdapter, name: String, scale: Float?) throws -> Int {
    try model.changeAdapters { registry, prepared in
      let generation = try registry.add(adapter, name: name, scale: scale)
      try admit(name, &registry, prepared)
      return generation
    }
  }

  /// Checks that a new adapter fits the budget and the model, and binds it if it is applied.
  private func admit(
    _ name: String, _ registry: inout AdapterRegistry, _ prepared: AdapterPreparation
  ) throws {
    let entry = registry.entries[try registry.index(of: name)]
    try registry.makeRoom(for: name, needing: entry.origin.byteCount, keeping: [name])
    try registry.rebind(prepared, checking: name)
  }
}
