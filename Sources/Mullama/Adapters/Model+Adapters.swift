import LoRA
import Tokenization
import Transformer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Model {
  /// The adapters that new contexts use, in the order in which their names came.
  public var adapters: [AppliedAdapter] { registry.withLock { $0.applied } }

  /// The prompt prefixes of the adapters that are applied at a scale other than 0, one after the other. They are put
  /// before a prompt only by whoever asks for them.
  public var promptPrefix: String {
    adapters.filter { $0.scale != 0 }.compactMap(\.adapter.promptPrefix).joined()
  }

  /// Applies an adapter on top of those already applied; applying the same one again changes its scale.
  ///
  /// The same is what has the same content: the same object, or the file loaded twice. To stack an adapter on itself, or
  /// to choose its name, use `LoRAManager.add`. Contexts made from now on use it; existing ones are untouched. On an error
  /// nothing has changed.
  ///
  /// - Returns: the name it is applied under: the one it had, else its own, with `-2`, `-3`, … behind where that is taken.
  /// - Throws: `AdapterError` naming the tensor that does not fit, what was expected and what was found; or
  ///   `budgetExceeded`.
  @discardableResult
  public func applyAdapter(_ adapter: LoRAAdapter, scale: Float = 1) throws -> String {
    try changeAdapters { registry, prepared in
      let hash = adapter.contentHash
      let same = registry.entries.indices.filter { registry.entries[$0].origin.contentHash == hash }
      let name: String
      if let index = same.first(where: { registry.entries[$0].scale != nil }) ?? same.first {
        name = registry.entries[index].name
        if registry.entries[index].adapter == nil { registry.setAdapter(adapter, index) }
        _ = registry.setScale(scale, index)
      } else {
        name = registry.freeName(adapter.name)
        _ = try registry.add(adapter, name: name, scale: scale)
      }
      try registry.makeRoom(for: name, needing: adapter.byteCount, keeping: [name])
      try registry.rebind(prepared, checking: name)
      return name
    }
  }

  /// Takes an adapter away again, under whatever names it is applied; does nothing if it is not. Names that are only
  /// registered stay.
  public func removeAdapter(_ adapter: LoRAAdapter) {
    let hash = adapter.contentHash
    removeAdapters { $0.scale != nil && $0.origin.contentHash == hash }
  }

  /// Takes all applied adapters away. Names that are only registered stay.
  public func removeAllAdapters() { removeAdapters { $0.scale != nil } }

  func removeAdapters(where isGoing: (AdapterRegistry.Entry) -> Bool) {
    // Binding a part of what was bound cannot fail.
    try? changeAdapters { registry, prepared in
      registry.remove(where: isGoing)
      try registry.rebind(prepared)
    }
  }
}

// Changes, and what requests run with.
extension Model {
  /// What new contexts use; nil: the base model.
  package var boundAdapters: AdapterSet? { registry.withLock { $0.bound } }

  /// The model's tokenizer with the tokens that a set adds; made once for a set that is in use.
  package func tokenizer(with adapters: AdapterSet?) -> Tokenizer {
    guard let adapters, !adapters.addedTokens.isEmpty else { return tokenizer }
    let made = try? sharedTokenizers.object(for: adapters.id) {
      tokenizer.adding(adapters.addedTokens.map(Tokenizer.Addition.init))
    }
    return made ?? tokenizer
  }

  /// Edits a copy of the registry and puts it in place; throws without having changed anything.
  ///
  /// The registry is locked while `edit` runs, which takes microseconds. What takes longer, such as binding, is made
  /// between two attempts without the lock (`AdapterPreparation`), so others go on meanwhile, and `edit` sees what they
  /// have changed. Each attempt that fails so has made something that is kept for the next.
  ///
  /// - Parameters:
  ///   - names: whose adapters have to be in memory.
  ///   - edit: called once or several times, each time with a new copy.
  /// - Throws: what `edit` throws; for `names` also `unknownName`, `budgetExceeded`, `fileChanged`, `fileGone` and what is
  ///   wrong with a file.
  func changeAdapters<R: Sendable>(
    withResident names: [String] = [],
    _ edit: (inout AdapterRegistry, AdapterPreparation) throws -> R
  ) throws -> R {
    var prepared = AdapterPreparation()
    while true {
      do {
        return try attempt { registry in
          if let entry = try registry.install(prepared.adapters, for: names) {
            throw AdapterPreparation.Lack.adapter(entry)
          }
          return try edit(&registry, prepared)
        }
      } catch let lack as AdapterPreparation.Lack {
        try prepare(lack, &prepared)
      }
    }
  }

  private func attempt<R: Sendable>(_ edit: (inout AdapterRegistry) throws -> R) throws -> R {
    let (result, old) = try registry.withLock { current in
      var next = current
      let result = try edit(&next)
      let old = current
      current = next
      return (result, old)
    }
    // What has left memory is unmapped here, after the lock: nobody waits for it.
    withExtendedLifetime(old) {}
    return result
  }

  private func prepare(_ lack: AdapterPreparation.Lack, _ prepared: inout AdapterPreparation) throws {
    switch lack {
    case .adapter(let entry):
      // The name is part of the errors.
      let key = "\(entry.origin.contentHash) \(entry.name)"
      if let adapter = try sharedAdapters.object(for: key, { try Self.readAgain(entry) }) {
        prepared.add(adapter)
      }
    case .fit(let adapter):
      if let problem = binder.problems(adapter.adapter).first { throw problem }
      prepared.addFit(adapter)
    case .set(let entries): prepared.add(try bind(entries), of: entries)
    }
  }

  /// Binds adapters, or finds the set of the same that somebody uses or is binding.
  func bind(_ entries: [AdapterBinding.Entry]) throws -> AdapterSet? {
    try sharedAdapterSets.object(for: AdapterBinding.id(of: entries)) { try binder.bind(entries) }
  }

  /// Who binds the set of this id now, or waits for it.
  package func bindingCallers(of id: String) -> Int { sharedAdapterSets.callers(for: id) }

  /// What a new context runs with: the adapters that are applied now.
  package func leaseAdapters() -> AdapterLease {
    registry.withLock { registry in
      let active = registry.entries.filter { ($0.scale ?? 0) != 0 }
      return AdapterLease(
        registry.bound, templates: active.compactMap(\.template), uses: active.map(\.usage))
    }
  }

  /// What a request runs with that chooses its adapters by name; their order does not matter, scale 0 leaves one out.
  ///
  /// Adapters that were evicted are read again. Requests that choose the same get the same set while one of them runs.
  ///
  /// - Throws: `unknownName`, `repeatedName`, `invalidScale`, `budgetExceeded`, `fileChanged`, `fileGone`, or what is wrong
  ///   with a file.
  package func leaseAdapters(named stack: [(name: String, scale: Float)]) throws -> AdapterLease {
    var names: Set<String> = []
    for (name, _) in stack where !names.insert(name).inserted { throw AdapterError.repeatedName(name: name) }
    return try changeAdapters(withResident: stack.filter { $0.scale != 0 }.map(\.name)) {
      registry, prepared in
      let parts = try stack.map {
        (entry: registry.entries[try registry.index(of: $0.name)], scale: $0.scale)
      }
      guard let set = try prepared.set(registry.stack(of: parts)) else { return AdapterLease(nil) }
      let active = parts.filter { $0.scale != 0 }.map(\.entry)
      return AdapterLease(set, templates: active.compactMap(\.template), uses: active.map(\.usage))
    }
  }

  private static func readAgain(_ entry: AdapterRegistry.Entry) throws -> LoRAAdapter {
    let path = entry.origin.path
    guard access(path, F_OK) == 0 else { throw AdapterError.fileGone(name: entry.name, file: path) }
    let adapter: LoRAAdapter
    do {
      adapter = try LoRAAdapter.load(path)
    } catch GGUFError.missingFile {
      throw AdapterError.fileGone(name: entry.name, file: path)
    }
    guard adapter.contentHash == entry.origin.contentHash else {
      throw AdapterError.fileChanged(
        name: entry.name, file: path, expected: entry.origin.contentHash, found: adapter.contentHash)
    }
    return adapter
  }
}

extension Tokenizer.Addition {
  init(_ token: AddedToken) { self.init(id: token.id, text: token.text, isSpecial: token.isSpecial) }
}

extension AdapterRegistry.Entry {
  /// The chat template that it brings, if it is in memory.
  var template: TemplateSelection.Candidate? {
    adapter?.chatTemplate.map { (name: name, template: $0) }
  }
}

extension AdapterRegistry {
  var applied: [AppliedAdapter] {
    entries.compactMap { entry in
      guard let adapter = entry.adapter, let scale = entry.scale else { return nil }
      return AppliedAdapter(name: entry.name, adapter: adapter, scale: scale, generation: entry.generation)
    }
  }

  /// `name`, or `name-2`, `name-3`, … where it is taken.
  func freeName(_ name: String) -> String {
    var free = name
    var count = 1
    while firstIndex(of: free) != nil {
      count += 1
      free = "\(name)-\(count)"
    }
    return free
  }
}
