import Kernels
import Synchronization

/// An adapter's pairs as the fast kernels of some models read them, packed when it is bound to a model for the first time and
/// gone with the adapter.
package final class PackedPairs: Sendable {
  private let models = PerModel<[Int: PackedPair]>()

  init() {}

  /// Bytes of their own memory, for all models.
  package var byteCount: Int {
    models.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.byteCount } }
  }

  /// Those that were packed for the model of a cache, by `FittedPair.index`.
  func pairs(for cache: BindingCache) -> [Int: PackedPair] { models.value(for: cache) ?? [:] }

  /// Packs pairs for the model of a cache, on all threads; returns all of them.
  func packing(_ missing: [FittedPair], for cache: BindingCache, _ compute: Compute) -> [Int: PackedPair] {
    let made = Mutex<[Int: PackedPair]>([:])
    compute.forEach(missing.count) { item, _ in
      let pair = missing[item]
      let packed = PackedPair(a: pair.pair.a, b: pair.pair.b)
      made.withLock { $0[pair.index] = packed }
    }
    let new = made.withLock { $0 }
    return models.update(for: cache, first: [:]) { $0.merge(new) { first, _ in first } }
  }
}
