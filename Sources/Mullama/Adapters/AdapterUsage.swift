import Synchronization
import Transformer

/// How often a named adapter has been used, counted while contexts come and go. Never touched between tokens.
final class AdapterUsage: Sendable {
  struct Counts: Sendable {
    /// Contexts and requests that were made with it.
    var contexts = 0
    /// Those of them that have not ended.
    var running = 0
    var generations = 0
    var lastUse = ContinuousClock.now
  }

  private let state = Mutex(Counts())

  var counts: Counts { state.withLock { $0 } }
  var isRunning: Bool { counts.running > 0 }

  func touch() { state.withLock { $0.lastUse = .now } }

  fileprivate func begin() {
    state.withLock {
      $0.contexts += 1
      $0.running += 1
      $0.lastUse = .now
    }
  }

  fileprivate func end() {
    state.withLock {
      $0.running -= 1
      $0.lastUse = .now
    }
  }

  fileprivate func generate() {
    state.withLock {
      $0.generations += 1
      $0.lastUse = .now
    }
  }
}

/// What a context or a request runs with, from its start to its end: the bound set, and a mark on each adapter in it
/// that keeps the manager from evicting it. Letting go of the lease takes the marks away.
package final class AdapterLease: Sendable {
  /// nil: the base model.
  package let set: AdapterSet?
  /// The chat templates of the adapters in it.
  let templates: [TemplateSelection.Candidate]
  private let uses: [AdapterUsage]

  init(
    _ set: AdapterSet?, templates: [TemplateSelection.Candidate] = [], uses: [AdapterUsage] = []
  ) {
    self.set = set
    self.templates = templates
    self.uses = uses
    for use in uses { use.begin() }
  }

  deinit {
    for use in uses { use.end() }
  }

  /// Counts a generation that begins.
  package func countGeneration() {
    for use in uses { use.generate() }
  }
}
