import Synchronization
import Transformer

/// The bound sets that somebody still uses, so that requests which choose the same adapters and scales get the same
/// object: rows of one set are one run of a batch.
///
/// It keeps no set alive.
final class SharedAdapterSets: Sendable {
  private struct Reference {
    weak var set: AdapterSet?
  }

  /// Ids whose sets may have ended are looked through when there are this many.
  private static let limit = 64
  private let references = Mutex<[String: Reference]>([:])

  /// The living set with the same id, or else `set`, which is remembered.
  func shared(_ set: AdapterSet) -> AdapterSet {
    references.withLock { references in
      if let living = references[set.id]?.set { return living }
      if references.count >= Self.limit { references = references.filter { $0.value.set != nil } }
      references[set.id] = Reference(set: set)
      return set
    }
  }
}
