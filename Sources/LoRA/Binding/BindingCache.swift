import Kernels
import Synchronization
import Transformer

/// What was computed to fit adapters to one model, kept so that the next binding need not: matrices in the model's row order
/// and DoRA's norms, bounded, so that what was not used for longest goes first; and the model's vocabulary. It never holds on
/// to an adapter's file.
package final class BindingCache: Sendable {
  enum Role: Hashable, Sendable {
    /// A factor B, or a whole weight, in the model's row order.
    case factor, weight
    /// An embedding's B with its gain in it.
    case gainedFactor(scale: Float)
    /// Magnitudes divided by norms, `1 × outputs`.
    case gain(scale: Float)
  }

  private struct Key: Hashable {
    let adapter: ContentHash
    let change: Int
    let role: Role
  }

  private struct State {
    var entries: [Key: (matrix: WeightMatrix, lastUse: Int)] = [:]
    var byteCount = 0
    var uses = 0
    var made = 0
  }

  private let byteLimit: Int
  private let state = Mutex(State())
  private let ownVocabulary = Mutex<ModelVocabulary?>(nil)

  package init(byteLimit: Int = 128 << 20) { self.byteLimit = byteLimit }

  /// Bytes it holds.
  package var byteCount: Int { state.withLock { $0.byteCount } }

  /// How many matrices had to be computed so far.
  package var computedCount: Int { state.withLock { $0.made } }

  /// The tokens of the one model, read when the first adapter needs them.
  func vocabulary(of decoder: Decoder) -> ModelVocabulary {
    ownVocabulary.withLock { known in
      let vocabulary = known ?? ModelVocabulary(decoder)
      known = vocabulary
      return vocabulary
    }
  }

  /// The matrix under this key, made if it is not there.
  func matrix(
    _ adapter: ContentHash, _ change: Int, _ role: Role, _ make: () -> WeightMatrix
  ) -> WeightMatrix {
    let key = Key(adapter: adapter, change: change, role: role)
    let found: WeightMatrix? = state.withLock { state in
      state.uses += 1
      guard let matrix = state.entries[key]?.matrix else { return nil }
      state.entries[key]?.lastUse = state.uses
      return matrix
    }
    if let found { return found }
    let made = make()
    state.withLock { state in
      state.made += 1
      guard made.byteCount <= byteLimit, state.entries[key] == nil else { return }
      state.entries[key] = (made, state.uses)
      state.byteCount += made.byteCount
      while state.byteCount > byteLimit,
        let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
      {
        state.entries[oldest.key] = nil
        state.byteCount -= oldest.value.matrix.byteCount
      }
    }
    return made
  }
}
