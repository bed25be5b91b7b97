import LoRA
import Mullama
import TestSupport
import Testing

/// Binding takes seconds on a large model. Meanwhile everybody else goes on, and what they do is respected.
///
/// A binding under a lock would make these wait for ever; the limit makes that a failure.
@Suite(.timeLimit(.minutes(10))) struct ConcurrentBindingTests {
  private let model: Model
  private let manager: LoRAManager
  private let binder: GatedBinder
  private let slow: LoRAAdapter
  private let other: LoRAAdapter

  init() throws {
    (model, binder) = try GatedBinder.model()
    manager = LoRAManager(model)
    slow = try ContextTests.adapter("lora")
    other = try ContextTests.adapter("lora2")
    binder.hold(slow)
  }

  private func attempt<R: Sendable>(_ body: @escaping @Sendable (LoRAManager) throws -> R) -> Attempt<R> {
    let manager = manager
    return Attempt { try body(manager) }
  }

  private var names: [String] { manager.residency.map(\.name) }

  @Test func othersGoOnWhileOneBinds() throws {
    try manager.register(other, name: "other")
    let adding = attempt { [slow] in try $0.add(slow, scale: 0.5, name: "slow") }
    binder.awaitArrival()
    // All of this would wait for ever if the binding held a lock.
    let lease = try model.leaseAdapters(named: [("other", 0.8)])
    #expect(lease.set != nil)
    #expect(model.leaseAdapters().set == nil)
    #expect(names == ["other"])
    try manager.apply("other", scale: 0.25)
    try manager.setPinned(true, of: "other")
    try manager.setBudget(1 << 30)
    _ = try Context(model)
    #expect(!adding.isDone)
    // What was applied meanwhile is part of what the slow one is bound with in the end.
    binder.open()
    binder.awaitArrival()
    #expect(names == ["other"])
    binder.open()
    _ = try adding.value()
    #expect(model.adapters.map(\.name) == ["other", "slow"])
    let expected = AdapterBinding.id(of: [
      .init(slow.adapter, scale: 0.5), .init(other.adapter, scale: 0.25),
    ])
    #expect(model.leaseAdapters().set?.id == expected)
  }

  @Test func ofTwoWithOneNameOneWins() throws {
    let first = attempt { [slow] in try $0.add(slow, name: "code") }
    binder.awaitArrival()
    let generation = try manager.add(other, name: "code")
    binder.open()
    #expect(throws: AdapterError.nameTaken(name: "code")) { try first.value() }
    #expect(manager.adapters.map(\.generation) == [generation])
    #expect(manager["code"]?.adapter === other)
  }

  @Test func aNameThatIsTakenIsNotBoundFor() throws {
    try manager.register(other, name: "code")
    let before = binder.bound.count
    #expect(throws: AdapterError.nameTaken(name: "code")) { try manager.add(slow, name: "code") }
    #expect(binder.bound.count == before)
  }

  @Test func theGenerationIsComparedAgain() throws {
    let old = try manager.register(other, name: "code")
    let replacing = attempt { [slow] in try $0.replace("code", with: slow, scale: 1, expecting: old) }
    binder.awaitArrival()
    let new = try manager.apply("code", scale: 0.5)
    binder.open()
    #expect(throws: AdapterError.generationMismatch(name: "code", expected: old, found: new)) {
      try replacing.value()
    }
    #expect(manager["code"]?.adapter === other && manager["code"]?.scale == 0.5)
  }

  @Test func theBudgetIsComparedAgain() throws {
    try manager.setBudget(slow.byteCount + other.byteCount - 1)
    let adding = attempt { [slow] in try $0.add(slow, name: "slow") }
    binder.awaitArrival()
    try manager.add(other, name: "other")
    binder.open()
    #expect(throws: AdapterError.self) { try adding.value() }
    #expect(names == ["other"])
    #expect(manager.residentByteCount == other.byteCount)
  }

  @Test func aRemovedNameStaysRemoved() throws {
    try manager.register(slow, name: "slow")
    let applying = attempt { try $0.apply("slow") }
    binder.awaitArrival()
    try manager.remove("slow")
    binder.open()
    #expect(throws: AdapterError.unknownName(name: "slow", known: [])) { try applying.value() }
    #expect(model.leaseAdapters().set == nil)
  }

  /// Two that need the same evicted adapter: it is read once and bound once, and a third who needs another waits for
  /// neither.
  @Test func theSameIsBoundOnce() throws {
    try manager.register(path: slow.path, name: "slow")
    try manager.register(path: other.path, name: "other")
    #expect(try manager.evict("slow") && manager.evict("other"))
    let first = attempt { try $0.model.leaseAdapters(named: [("slow", 0.5)]) }
    binder.awaitArrival()
    let second = attempt { try $0.model.leaseAdapters(named: [("slow", 0.5)]) }
    let id = AdapterBinding.id(of: [.init(slow.adapter, scale: 0.5)])
    while model.bindingCallers(of: id) < 2 {}
    let third = try model.leaseAdapters(named: [("other", 0.5)])
    #expect(third.set != nil)
    #expect(manager.residency.map(\.isResident) == [false, true])
    #expect(!first.isDone && !second.isDone)
    binder.open()
    #expect(try first.value().set === second.value().set)
    #expect(binder.bound.count { $0 == id } == 1)
    #expect(manager.residency.map(\.isResident) == [true, true])
    #expect(manager.residency[0].runningContexts == 2)
  }

  /// Many writers and readers at once, without a gate: every change is there in the end, and none twice.
  @Test func nothingIsLost() throws {
    binder.holdNothing()
    let attempts = (0..<8).map { number in
      attempt { [slow, other] manager in
        let name = "a\(number)"
        try manager.add(number % 2 == 0 ? slow : other, scale: Float(number + 1) / 16, name: name)
        for step in 1...4 {
          try manager.setScale(Float(number + 1) / Float(16 * step), of: name)
          _ = try manager.model.leaseAdapters(named: [(name, 1)])
        }
        if number % 4 == 3 { try manager.remove(name) }
      }
    }
    for attempt in attempts { try attempt.value() }
    #expect(Set(names) == ["a0", "a1", "a2", "a4", "a5", "a6"])
    let expected = manager.adapters.map { AdapterBinding.Entry($0.adapter.adapter, scale: $0.scale) }
    #expect(expected.count == 6)
    #expect(model.leaseAdapters().set?.id == AdapterBinding.id(of: expected))
    #expect(Set(manager.residency.map(\.generation)).count == 6)
  }
}
