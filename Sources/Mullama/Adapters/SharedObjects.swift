import Synchronization

/// Objects that take long to make, by key: whoever asks for one while somebody makes it waits for that one, and as long as
/// anybody holds it, all get the same object.
///
/// It keeps no object alive. Who asks for another key waits for nobody.
final class SharedObjects<Object: AnyObject & Sendable>: Sendable {
  private struct Reference {
    weak var object: Object?
  }

  /// Held by who makes the object; the others wait for the lock and find it made.
  private final class Making: Sendable {
    let made = Mutex<Object?>(nil)
  }

  private struct State {
    var living: [String: Reference] = [:]
    var making: [String: (making: Making, callers: Int)] = [:]
  }

  /// Keys whose objects may have ended are looked through when there are this many.
  private static var limit: Int { 64 }
  private let state = Mutex(State())

  /// Who makes the object of a key or waits for it.
  func callers(for key: String) -> Int { state.withLock { $0.making[key]?.callers ?? 0 } }

  /// The living object of a key, or else what `make` returns. If that throws or makes nothing, whoever waits tries on its
  /// own.
  func object(for key: String, _ make: () throws -> Object?) throws -> Object? {
    let making = enter(key)
    defer { leave(key) }
    return try making.made.withLock { made in
      if let object = made ?? living(key) { return object }
      made = try make()
      if let made { remember(made, key) }
      return made
    }
  }

  private func enter(_ key: String) -> Making {
    state.withLock { state in
      let making = state.making[key]?.making ?? Making()
      state.making[key, default: (making, 0)].callers += 1
      return making
    }
  }

  private func leave(_ key: String) {
    state.withLock { state in
      guard let callers = state.making[key]?.callers else { return }
      if callers > 1 { state.making[key]?.callers = callers - 1 } else { state.making[key] = nil }
    }
  }

  private func living(_ key: String) -> Object? { state.withLock { $0.living[key]?.object } }

  private func remember(_ object: Object, _ key: String) {
    state.withLock { state in
      if state.living.count >= Self.limit { state.living = state.living.filter { $0.value.object != nil } }
      state.living[key] = Reference(object: object)
    }
  }
}
