import Kernels
import Synchronization

/// An adapter's pairs as the fast kernels of some models read them, packed when it is bound to a model for the first time and
/// gone with the adapter.
package final class PackedPairs: Sendable {
  private struct Model {
    weak var cache: BindingCache?
    var pairs: [Int: PackedPair]
  }

  private let state = Mutex<[Model]>([])

  init() {}

  /// Bytes of their own memory, for all models.
  package var byteCount: Int {
    state.withLock { $0.reduce(0) { $0 + $1.pairs.values.reduce(0) { $0 + $1.byteCount } } }
  }

  /// Those that were packed for the model of a cache, by `FittedPair.index`.
  func pairs(for cache: BindingCache) -> [Int: PackedPair] {
    state.withLock { $0.first { $0.cache === cache }?.pairs ?? [:] }
  }

  /// Packs pairs for the model of a cache, on all threads; returns all of them.
  func packing(_ missing: [FittedPair], for cache: BindingCache, _ compute: Compute) -> [Int: PackedPair] {
    let made = Mutex<[Int: PackedPair]>([:])
    compute.forEach(missing.count) { item, _ in
      let pair = missing[item]
      let packed = PackedPair(a: pair.pair.a, b: pair.pair.b)
      made.withLock { $0[pair.index] = packed }
    }
    let new = made.withLock { $0 }
    return state.withLock { models in
      // Nobody binds to a model that is gone.
      models.removeAll { $0.cache == nil }
      guard let index = models.firstIndex(where: { $0.cache === cache }) else {
        models.append(Model(cache: cache, pairs: new))
        return new
      }
      models[index].pairs.merge(new) { first, _ in first }
      return models[index].pairs
    }
  }
}
