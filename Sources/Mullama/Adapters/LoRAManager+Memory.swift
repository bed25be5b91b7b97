import LoRA

// What is in memory. Registered adapters may leave it, applied, pinned and running ones may not.
extension LoRAManager {
  /// A manager of a model whose adapters may take `budget` bytes; see `setBudget`.
  ///
  /// - Throws: as `setBudget`.
  public init(_ model: Model, budget: Int?) throws {
    self.init(model)
    try setBudget(budget)
  }

  /// Bytes that the factors of all named adapters may take in memory together; nil: no limit.
  public var budget: Int? { model.registry.withLock { $0.budget } }

  /// Limits the memory of the model's adapters.
  ///
  /// Where it does not suffice, registered adapters leave memory, first those not used for longest, and are read again
  /// from their files when they are needed. What is applied or pinned stays, and so does what a context runs with, also
  /// after its name was removed. Adapters that have no name (`Context(_:adapters:)`) do not count.
  ///
  /// - Throws: `AdapterError.budgetExceeded` if more than that has to stay, `invalidBudget` if it is negative; the old
  ///   budget remains.
  public func setBudget(_ bytes: Int?) throws {
    if let bytes, bytes < 0 { throw AdapterError.invalidBudget(bytes) }
    try model.changeAdapters { registry, _ in
      registry.setBudget(bytes)
      try registry.fitBudget()
    }
  }

  /// Keeps an adapter in memory whatever its last use, or no longer; reads it if it was evicted.
  ///
  /// - Throws: `AdapterError.unknownName`, `budgetExceeded`, `fileChanged`, `fileGone`, or what is wrong with its file.
  public func setPinned(_ isPinned: Bool, of name: String) throws {
    try model.changeAdapters(withResident: isPinned ? [name] : []) { registry, _ in
      registry.setPinned(isPinned, try registry.index(of: name))
    }
  }

  /// An adapter by name, applied or not; reads it again if it was evicted.
  ///
  /// - Throws: as `setPinned`.
  @discardableResult
  public func load(_ name: String) throws -> LoRAAdapter {
    try model.changeAdapters(withResident: [name]) { registry, _ in
      guard let adapter = registry.entries[try registry.index(of: name)].adapter else {
        preconditionFailure("an adapter that was asked for is not in memory")
      }
      return adapter
    }
  }

  /// Lets an adapter leave memory now. What is applied, pinned or in use stays: then the result is false.
  ///
  /// - Throws: `AdapterError.unknownName`.
  @discardableResult
  public func evict(_ name: String) throws -> Bool {
    try model.changeAdapters { registry, _ in registry.evict(try registry.index(of: name)) }
  }

  /// Every name, in the order in which they came, with what it costs and how much it is used.
  public var residency: [AdapterResidency] {
    model.registry.withLock { $0.entries.map(AdapterResidency.init) }
  }

  /// Bytes of factors in memory: of all names, and of adapters that only running contexts hold any longer. What has two
  /// names counts once.
  public var residentByteCount: Int { model.registry.withLock { $0.residentByteCount } }

  /// What an adapter of some rank for every matrix of the model's layers takes, each expert's and the router's included,
  /// but not for embedding and output: the sum of rank × (inputs + outputs) × bytes.
  ///
  /// - Parameters:
  ///   - rank: from 1 to 65536, the highest that an adapter can have.
  ///   - bytesPerNumber: 2 of F16 and BF16 factors, 4 of F32.
  public func byteCount(rank: Int, bytesPerNumber: Int = 2) -> Int {
    precondition((1...65536).contains(rank) && (1...4).contains(bytesPerNumber))
    return model.decoder.weights.sites.filter { $0.kind == .linear }
      .reduce(0) { $0 + rank * ($1.inputs + $1.outputs) * bytesPerNumber }
  }
}
