import Dispatch
import GGUF
import LoRA
import Mullama
import Synchronization
import TestSupport
import Transformer

/// Binds as the real one does, but waits at a gate where chosen adapters take part, until the test opens it.
final class GatedBinder: AdapterBinder {
  private struct State {
    var gated: Set<String> = []
    var bound: [String] = []
  }

  private let inner: AdapterBinding
  private let state = Mutex(State())
  private let arrivals = DispatchSemaphore(value: 0)
  private let gate = DispatchSemaphore(value: 0)

  private init(_ inner: AdapterBinding) { self.inner = inner }

  /// A model and the binder in it.
  static func model() throws -> (Model, GatedBinder) {
    let file = try GGUFFile.open(ConformanceManifest.load("llama").modelPath)
    var made: GatedBinder?
    let model = try Model(file, options: ModelOptions(threads: 2)) { inner in
      let binder = GatedBinder(inner)
      made = binder
      return binder
    }
    guard let made else { preconditionFailure("the model took no binder") }
    return (model, made)
  }

  /// The ids of the sets that were bound, in the order in which they came to the gate.
  var bound: [String] { state.withLock { $0.bound } }

  func hold(_ adapter: LoRAAdapter) { state.withLock { _ = $0.gated.insert(adapter.contentHash) } }

  /// From now on nothing waits.
  func holdNothing() { state.withLock { $0.gated = [] } }

  /// Returns when somebody has come to the gate.
  func awaitArrival() { arrivals.wait() }

  /// Lets one through.
  func open() { gate.signal() }

  func problems(_ adapter: LoRA.Adapter) -> [AdapterError] { inner.problems(adapter) }

  func bind(_ entries: [AdapterBinding.Entry]) throws(AdapterError) -> AdapterSet? {
    let isHeld = state.withLock { state in
      state.bound.append(AdapterBinding.id(of: entries))
      return entries.contains { state.gated.contains($0.adapter.contentHash.description) }
    }
    if isHeld {
      arrivals.signal()
      gate.wait()
    }
    return try inner.bind(entries)
  }
}

/// A call on a thread of its own, for what blocks.
final class Attempt<Value: Sendable>: Sendable {
  private let outcome = Mutex<Result<Value, any Error>?>(nil)
  private let done = DispatchSemaphore(value: 0)

  init(_ body: @escaping @Sendable () throws -> Value) {
    DispatchQueue.global().async {
      let result = Result { try body() }
      self.outcome.withLock { $0 = result }
      self.done.signal()
    }
  }

  var isDone: Bool { outcome.withLock { $0 != nil } }

  /// Waits for its end.
  func value() throws -> Value {
    done.wait()
    done.signal()
    guard let result = outcome.withLock({ $0 }) else {
      preconditionFailure("an attempt ended without a result")
    }
    return try result.get()
  }
}
