import LoRA
import Transformer

/// An adapter that is applied to a model.
public struct AppliedAdapter: Sendable {
  public let name: String
  public let adapter: LoRAAdapter
  /// What the user asked for; 0 leaves the base model as it is.
  public let scale: Float
}

/// The adapters applied to a model, and what they are bound to: a value, so that a change is made on a copy and a
/// failure changes nothing.
struct AdapterStack: Sendable {
  private(set) var entries: [AppliedAdapter] = []
  /// nil: the base model.
  private(set) var bound: AdapterSet?

  var names: [String] { entries.map(\.name) }

  func index(of name: String) -> Int? { entries.firstIndex { $0.name == name } }

  /// The stack with other entries, bound to the model.
  func replacing(_ entries: [AppliedAdapter], binding: AdapterBinding) throws(AdapterError) -> AdapterStack {
    var copy = self
    copy.entries = entries
    copy.bound = try binding.bind(
      entries.map { AdapterBinding.Entry($0.adapter.adapter, scale: $0.scale) })
    return copy
  }
}

extension Model {
  /// The adapters that new contexts use, in the order they were applied.
  public var adapters: [AppliedAdapter] { stack.withLock { $0.entries } }

  /// What new contexts use; nil: the base model.
  var boundAdapters: AdapterSet? { stack.withLock { $0.bound } }

  /// Applies an adapter on top of those already applied; applying the same one again changes its scale.
  ///
  /// Contexts made from now on use it; existing ones are untouched. On an error nothing has changed.
  ///
  /// - Throws: `AdapterError` naming the tensor that does not fit, what was expected and what was found.
  public func applyAdapter(_ adapter: LoRAAdapter, scale: Float = 1) throws {
    try change { entries in
      if let index = entries.firstIndex(where: { $0.adapter === adapter }) {
        entries[index] = AppliedAdapter(name: entries[index].name, adapter: adapter, scale: scale)
      } else {
        var name = adapter.name
        var count = 1
        while entries.contains(where: { $0.name == name }) {
          count += 1
          name = "\(adapter.name)-\(count)"
        }
        entries.append(AppliedAdapter(name: name, adapter: adapter, scale: scale))
      }
    }
  }

  /// Takes an adapter away again; does nothing if it is not applied.
  public func removeAdapter(_ adapter: LoRAAdapter) {
    try? change { entries in entries.removeAll { $0.adapter === adapter } }
  }

  public func removeAllAdapters() { stack.withLock { $0 = AdapterStack() } }

  /// Edits the list of adapters and binds the result; throws without having changed anything.
  func change(_ edit: (inout [AppliedAdapter]) throws -> Void) throws {
    try stack.withLock { stack in
      var entries = stack.entries
      try edit(&entries)
      stack = try stack.replacing(entries, binding: binding)
    }
  }
}
