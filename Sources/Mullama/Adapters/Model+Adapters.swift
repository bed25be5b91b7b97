import LoRA
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
    try changeAdapters { [binding] registry in
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
      try registry.rebind(with: binding)
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
    try? changeAdapters { [binding] registry in
      registry.remove(where: isGoing)
      try registry.rebind(with: binding)
    }
  }
}

// Changes, and what requests run with.
extension Model {
  /// What new contexts use; nil: the base model.
  var boundAdapters: AdapterSet? { registry.withLock { $0.bound } }

  /// Edits a copy of the registry and puts it in place; throws without having changed anything.
  func changeAdapters<R: Sendable>(_ edit: (inout AdapterRegistry) throws -> R) throws -> R {
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

  /// Edits the registry with the adapters of `names` in memory. Files are read outside the lock, so others can go on.
  ///
  /// - Throws: `unknownName`, `budgetExceeded`, `fileChanged`, `fileGone`, what is wrong with a file, and what `edit`
  ///   throws; nothing has changed then.
  func changeAdapters<R: Sendable>(
    withResident names: [String], _ edit: (inout AdapterRegistry) throws -> R
  ) throws -> R {
    var read: [String: LoRAAdapter] = [:]
    while true {
      do {
        return try changeAdapters { registry in
          // Thrown, so that the copy which made room for it is dropped: the adapter may turn out to be unreadable.
          if let entry = try registry.install(read, for: names) { throw MissingAdapter(entry: entry) }
          return try edit(&registry)
        }
      } catch let missing as MissingAdapter {
        read[missing.entry.origin.contentHash] = try Self.readAgain(missing.entry)
      }
    }
  }

  /// What a new context runs with: the adapters that are applied now.
  package func leaseAdapters() -> AdapterLease {
    registry.withLock { registry in
      AdapterLease(
        registry.bound, uses: registry.entries.filter { ($0.scale ?? 0) != 0 }.map(\.usage))
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
      [binding, sharedAdapterSets] registry in
      let parts = try stack.map {
        (entry: registry.entries[try registry.index(of: $0.name)], scale: $0.scale)
      }
      guard let set = try registry.bind(parts, with: binding) else { return AdapterLease(nil) }
      let shared = registry.bound?.id == set.id ? registry.bound : sharedAdapterSets.shared(set)
      return AdapterLease(shared, uses: parts.filter { $0.scale != 0 }.map(\.entry.usage))
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

/// Thrown to read an adapter outside the lock.
private struct MissingAdapter: Error {
  let entry: AdapterRegistry.Entry
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
