import LoRA
import Transformer

/// What a change of the registry needs that takes long to make: files read again, adapters fitted and bound.
///
/// A change that lacks something throws what it lacks. It is made without the registry's lock, and then the change is
/// tried again from its beginning: names, generations and the budget are looked at anew.
struct AdapterPreparation {
  enum Lack: Error {
    /// An evicted adapter.
    case adapter(AdapterRegistry.Entry)
    /// Whether an adapter fits the model.
    case fit(LoRAAdapter)
    case set([AdapterBinding.Entry])
  }

  /// Adapters that were read again, by content hash.
  private(set) var adapters: [String: LoRAAdapter] = [:]
  /// Content hashes of those that fit.
  private var fitting: Set<String> = []
  /// By id; nil: nothing is left to add.
  private var sets: [String: AdapterSet?] = [:]

  /// - Throws: `Lack` until it is known that the adapter fits.
  func checkFit(_ adapter: LoRAAdapter) throws {
    guard fitting.contains(adapter.contentHash) else { throw Lack.fit(adapter) }
  }

  /// A bound set; nil: nothing is left to add.
  ///
  /// - Throws: `Lack` until it is made.
  func set(_ entries: [AdapterBinding.Entry]) throws -> AdapterSet? {
    let id = AdapterBinding.id(of: entries)
    if id.isEmpty { return nil }
    guard let known = sets[id] else { throw Lack.set(entries) }
    return known
  }

  mutating func add(_ adapter: LoRAAdapter) { adapters[adapter.contentHash] = adapter }
  mutating func addFit(_ adapter: LoRAAdapter) { fitting.insert(adapter.contentHash) }
  mutating func add(_ set: AdapterSet?, of entries: [AdapterBinding.Entry]) {
    sets.updateValue(set, forKey: AdapterBinding.id(of: entries))
  }
}
