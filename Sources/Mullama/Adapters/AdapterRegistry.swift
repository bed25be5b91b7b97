import LoRA
import Transformer

/// The adapters that a model knows by name, those applied to it, and what these are bound to: a value, so that a change
/// is made on a copy and a failure changes nothing.
struct AdapterRegistry: Sendable {
  /// What remains known of an adapter when its factors are no longer in memory.
  struct Origin: Sendable {
    let path: String
    let contentHash: String
    let byteCount: Int
    let ranks: ClosedRange<Int>
    /// Base tensors it changes.
    let sites: Int

    init(_ adapter: LoRAAdapter) {
      path = adapter.path
      contentHash = adapter.contentHash
      byteCount = adapter.byteCount
      ranks = adapter.ranks
      sites = Set(adapter.targets).count
    }
  }

  struct Entry: Sendable {
    let name: String
    let origin: Origin
    /// nil: evicted; the file is read again when it is needed.
    var adapter: LoRAAdapter?
    /// nil: known, but not applied.
    var scale: Float?
    var isPinned = false
    /// Another number after each change; no two changes of a model's adapters have the same one.
    var generation: Int
    let usage = AdapterUsage()

    init(name: String, adapter: LoRAAdapter, scale: Float?, generation: Int) {
      self.name = name
      origin = Origin(adapter)
      self.adapter = adapter
      self.scale = scale
      self.generation = generation
    }
  }

  /// An adapter that was removed or replaced while contexts ran with it: its bytes count until they end.
  struct Departed: Sendable {
    let contentHash: String
    let byteCount: Int
    let usage: AdapterUsage
  }

  /// In the order in which the names came.
  private(set) var entries: [Entry] = []
  /// What is applied, bound; nil: the base model.
  private(set) var bound: AdapterSet?
  /// Bytes that factors may take in memory; nil: no limit.
  private(set) var budget: Int?
  private(set) var departed: [Departed] = []
  private var lastGeneration = 0

  var names: [String] { entries.map(\.name) }

  func firstIndex(of name: String) -> Int? { entries.firstIndex { $0.name == name } }

  /// - Throws: `unknownName`; `generationMismatch` if a generation is expected and the entry has another.
  func index(of name: String, expecting generation: Int? = nil) throws(AdapterError) -> Int {
    guard let index = firstIndex(of: name) else { throw .unknownName(name: name, known: names) }
    let found = entries[index].generation
    if let generation, generation != found {
      throw .generationMismatch(name: name, expected: generation, found: found)
    }
    return index
  }

  /// Adds a name; `scale`: nil if it is not applied. Returns the entry's generation.
  mutating func add(_ adapter: LoRAAdapter, name: String, scale: Float?) throws(AdapterError) -> Int {
    guard firstIndex(of: name) == nil else { throw .nameTaken(name: name) }
    lastGeneration += 1
    entries.append(Entry(name: name, adapter: adapter, scale: scale, generation: lastGeneration))
    return lastGeneration
  }

  /// Puts another adapter in an entry's place; pinning stays, uses are counted anew.
  mutating func replace(_ index: Int, with adapter: LoRAAdapter, scale: Float?) -> Int {
    let old = entries[index]
    retire(old)
    lastGeneration += 1
    entries[index] = Entry(name: old.name, adapter: adapter, scale: scale, generation: lastGeneration)
    entries[index].isPinned = old.isPinned
    return lastGeneration
  }

  /// `scale`: nil to take the adapter from the applied ones. What is applied has to be in memory.
  mutating func setScale(_ scale: Float?, _ index: Int) -> Int {
    precondition(scale == nil || entries[index].adapter != nil)
    lastGeneration += 1
    entries[index].scale = scale
    entries[index].generation = lastGeneration
    entries[index].usage.touch()
    return lastGeneration
  }

  mutating func remove(where isGoing: (Entry) -> Bool) {
    for entry in entries where isGoing(entry) { retire(entry) }
    entries.removeAll(where: isGoing)
  }

  mutating func setPinned(_ isPinned: Bool, _ index: Int) { entries[index].isPinned = isPinned }

  mutating func setBudget(_ bytes: Int?) { budget = bytes }

  /// Puts factors into memory (an adapter of the entry's content), or takes them from it.
  mutating func setAdapter(_ adapter: LoRAAdapter?, _ index: Int) { entries[index].adapter = adapter }

  /// Binds what is applied to the model.
  mutating func rebind(_ prepared: AdapterPreparation) throws {
    let entries = stack(of: entries.compactMap { entry in entry.scale.map { (entry, $0) } })
    if let bound, bound.id == AdapterBinding.id(of: entries) { return }
    bound = try prepared.set(entries)
  }

  /// As above, and finds what keeps the adapter of a name from being applied even if it is not applied now.
  mutating func rebind(_ prepared: AdapterPreparation, checking name: String) throws {
    let entry = entries[try index(of: name)]
    // Binding checks all that it binds.
    if (entry.scale ?? 0) == 0, let adapter = entry.adapter { try prepared.checkFit(adapter) }
    try rebind(prepared)
  }

  /// Entries, which are in memory unless their scale is 0, as they are bound.
  func stack(of parts: [(entry: Entry, scale: Float)]) -> [AdapterBinding.Entry] {
    parts.compactMap { part in
      part.entry.adapter.map { AdapterBinding.Entry($0.adapter, scale: part.scale) }
    }
  }

  private mutating func retire(_ entry: Entry) {
    departed.removeAll { !$0.usage.isRunning }
    guard entry.adapter != nil, entry.usage.isRunning else { return }
    departed.append(
      Departed(
        contentHash: entry.origin.contentHash, byteCount: entry.origin.byteCount, usage: entry.usage))
  }
}
