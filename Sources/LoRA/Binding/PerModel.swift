import Synchronization

/// What an adapter has for each of the models that it is bound to, gone with the adapter or the model's cache.
final class PerModel<Value: Sendable>: Sendable {
  private struct Entry {
    weak var cache: BindingCache?
    var value: Value
  }

  private let entries = Mutex<[Entry]>([])

  /// For all models.
  var values: [Value] { entries.withLock { $0.map(\.value) } }

  /// nil: nothing yet.
  func value(for cache: BindingCache) -> Value? {
    entries.withLock { $0.first { $0.cache === cache }?.value }
  }

  /// Changes the value of one model, which is `first` if there is none yet; returns it.
  @discardableResult
  func update(for cache: BindingCache, first: Value, _ change: (inout Value) -> Void) -> Value {
    entries.withLock { entries in
      // Nobody binds to a model that is gone.
      entries.removeAll { $0.cache == nil }
      let known = entries.firstIndex { $0.cache === cache }
      if known == nil { entries.append(Entry(cache: cache, value: first)) }
      let index = known ?? entries.count - 1
      change(&entries[index].value)
      return entries[index].value
    }
  }
}
