import Kernels
import Synchronization
import Transformer

/// What was computed to fit adapters to one model, kept so that the next binding need not: matrices in the model's row order,
/// biases and DoRA's gains, bounded, so that what was not used for longest goes first; where the tensors of names are; and the model's
/// vocabulary. It never holds on to an adapter's file.
package final class BindingCache: Sendable {
  enum Role: Hashable, Sendable {
    /// A factor B, or a whole weight, in the model's row order.
    case factor, weight
    /// An embedding's B with its gain in it.
    case gainedFactor(scale: Float)
    /// Magnitudes divided by norms.
    case gain(scale: Float)
    /// Of a factor, times its scale.
    case bias(scale: Float)
  }

  private struct Key: Hashable {
    let adapter: ContentHash
    let change: Int
    let role: Role
  }

  private struct Entry {
    let value: any Sendable
    let byteCount: Int
    var lastUse: Int
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var byteCount = 0
    var uses = 0
    var made = 0
  }

  private let byteLimit: Int
  private let state = Mutex(State())
  private let tensors = Mutex<[String: ModuleNames.Tensor]>([:])
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

  /// Most names of modules that it remembers: more than a model has.
  private static let nameLimit = 1 << 16

  /// The model's tensor that a module's name stands for, found once.
  func tensor(of module: String, _ names: ModuleNames) -> ModuleNames.Tensor? {
    if let known = tensors.withLock({ $0[module] }) { return known }
    guard let tensor = names.tensor(of: module) else { return nil }
    tensors.withLock { if $0.count < Self.nameLimit { $0[module] = tensor } }
    return tensor
  }

  /// The matrix under this key, made if it is not there.
  func matrix(
    _ adapter: ContentHash, _ change: Int, _ role: Role, _ make: () -> WeightMatrix
  ) -> WeightMatrix {
    value(Key(adapter: adapter, change: change, role: role), \.byteCount, make)
  }

  /// The vector under this key, made if it is not there.
  func vector<Failure: Error>(
    _ adapter: ContentHash, _ change: Int, _ role: Role, _ make: () throws(Failure) -> Matrix
  ) throws(Failure) -> Matrix {
    try value(Key(adapter: adapter, change: change, role: role), \.byteCount, make)
  }

  private func value<Value: Sendable, Failure: Error>(
    _ key: Key, _ size: (Value) -> Int, _ make: () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let found: (any Sendable)? = state.withLock { state in
      state.uses += 1
      state.entries[key]?.lastUse = state.uses
      return state.entries[key]?.value
    }
    if let found = found as? Value { return found }
    let made = try make()
    let byteCount = size(made)
    state.withLock { state in
      state.made += 1
      guard byteCount <= byteLimit, state.entries[key] == nil else { return }
      state.entries[key] = Entry(value: made, byteCount: byteCount, lastUse: state.uses)
      state.byteCount += byteCount
      while state.byteCount > byteLimit,
        let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
      {
        state.entries[oldest.key] = nil
        state.byteCount -= oldest.value.byteCount
      }
    }
    return made
  }
}
