import LoRA

// What is in memory, and what has to leave it.
extension AdapterRegistry {
  /// Bytes of all factors in memory: of entries, and of adapters that only running contexts hold any longer. The same
  /// adapter under two names counts once.
  var residentByteCount: Int {
    var seen: Set<String> = []
    var sum = 0
    var objects: Set<ObjectIdentifier> = []
    for entry in entries {
      guard let adapter = entry.adapter, objects.insert(ObjectIdentifier(adapter)).inserted else { continue }
      seen.insert(entry.origin.contentHash)
      sum += entry.origin.byteCount
    }
    for adapter in departed where adapter.usage.isRunning && seen.insert(adapter.contentHash).inserted {
      sum += adapter.byteCount
    }
    return sum
  }

  /// Whether an entry's factors have to stay in memory.
  private func isHeld(_ entry: Entry) -> Bool {
    entry.isPinned || entry.scale != nil || entry.usage.isRunning
  }

  /// Evicts what was not used for longest until the budget holds `extra` bytes more.
  ///
  /// - Parameters:
  ///   - extra: bytes that are about to be read, 0 if they are already in their entries.
  ///   - names: whose entries stay whatever their last use.
  ///   - name: for whose sake it is done; its bytes are `needed` of the error.
  /// - Throws: `budgetExceeded` if too much has to stay; the registry is then half changed, to be thrown away.
  mutating func makeRoom(
    for name: String, needing needed: Int, extra: Int = 0, keeping names: Set<String>
  ) throws(AdapterError) {
    guard let budget else { return }
    while residentByteCount > budget - extra {
      // Names that share an adapter leave together or not at all.
      var held: Set<ObjectIdentifier> = []
      for entry in entries {
        if let adapter = entry.adapter, isHeld(entry) || names.contains(entry.name) {
          held.insert(ObjectIdentifier(adapter))
        }
      }
      let candidates = entries.filter { entry in
        entry.adapter.map { !held.contains(ObjectIdentifier($0)) } ?? false
      }
      guard let oldest = candidates.min(by: { $0.usage.counts.lastUse < $1.usage.counts.lastUse }) else {
        throw .budgetExceeded(
          name: name, needed: needed, budget: budget, pinned: residentByteCount + extra - needed)
      }
      for index in entries.indices where entries[index].adapter === oldest.adapter {
        setAdapter(nil, index)
      }
    }
  }

  /// Lowers memory to a new budget.
  ///
  /// - Throws: `budgetExceeded`, naming the largest adapter that has to stay.
  mutating func fitBudget() throws(AdapterError) {
    guard
      let largest = entries.filter({ $0.adapter != nil && isHeld($0) })
        .max(by: { $0.origin.byteCount < $1.origin.byteCount })
    else { return try makeRoom(for: "", needing: 0, keeping: []) }
    try makeRoom(for: largest.name, needing: largest.origin.byteCount, keeping: [])
  }

  /// Puts adapters that were read again into the entries of `names` that lack theirs.
  ///
  /// - Parameter read: by content hash.
  /// - Returns: the first entry whose adapter has to be read yet; then nothing has changed that could not be thrown away.
  /// - Throws: `unknownName`, `budgetExceeded`.
  mutating func install(_ read: [String: LoRAAdapter], for names: [String]) throws(AdapterError) -> Entry? {
    let keeping = Set(names)
    var missing: [Entry] = []
    for name in names {
      let index = try index(of: name)
      entries[index].usage.touch()
      if entries[index].adapter != nil { continue }
      if let adapter = read[entries[index].origin.contentHash] {
        setAdapter(adapter, index)
      } else {
        missing.append(entries[index])
      }
      let entry = entries[index]
      try makeRoom(
        for: name, needing: entry.origin.byteCount,
        extra: entry.adapter == nil ? entry.origin.byteCount : 0, keeping: keeping)
    }
    return missing.first
  }

  /// Evicts an entry whose factors need not stay; false if they have to, true if they are not in memory.
  mutating func evict(_ index: Int) -> Bool {
    guard let adapter = entries[index].adapter else { return true }
    let sharers = entries.indices.filter { entries[$0].adapter === adapter }
    guard !sharers.contains(where: { isHeld(entries[$0]) }) else { return false }
    for index in sharers { setAdapter(nil, index) }
    return true
  }
}
