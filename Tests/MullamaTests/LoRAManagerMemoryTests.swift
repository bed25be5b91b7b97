import Foundation
import Mullama
import TestSupport
import Testing

/// The byte budget: what leaves memory, what stays, and how it comes back.
@Suite struct LoRAManagerMemoryTests {
  private static let names = ["lora", "bf16", "pattern", "qv"]
  private let options = GenerationOptions(maxTokens: 8, sampling: .greedy, ignoresEnd: true)

  private func manager(registering names: [String] = names) throws -> LoRAManager {
    let manager = LoRAManager(try ContextTests.model())
    for name in names { try manager.register(ContextTests.adapter(name), name: name) }
    return manager
  }

  private func resident(_ manager: LoRAManager) -> [String] {
    manager.residency.filter(\.isResident).map(\.name)
  }

  private func bytes(_ names: String...) throws -> Int {
    try names.reduce(0) { try $0 + ContextTests.adapter($1).byteCount }
  }

  private func tokens(_ context: Context) async throws -> [Int32] {
    try await context.complete(.tokens([5, 6, 7, 8]), options: options).tokens
  }

  @Test func theLongestUnusedLeavesFirst() throws {
    let manager = try manager()
    #expect(manager.budget == nil)
    #expect(try manager.residentByteCount == bytes("lora", "bf16", "pattern", "qv"))
    try manager.load("lora")
    _ = try Context(manager.model, named: [("bf16", 1)])
    // Now from the longest unused on: pattern, qv, lora, bf16.
    try manager.setBudget(bytes("lora", "bf16", "qv"))
    #expect(resident(manager) == ["lora", "bf16", "qv"])
    try manager.setBudget(bytes("lora", "bf16"))
    #expect(resident(manager) == ["lora", "bf16"])
    // All but qv are of one size: to let pattern in, lora goes.
    try manager.load("pattern")
    #expect(resident(manager) == ["bf16", "pattern"])
    #expect(try manager.residentByteCount == bytes("bf16", "pattern"))
    try manager.setBudget(0)
    #expect(resident(manager).isEmpty && manager.residentByteCount == 0)
    try manager.setBudget(nil)
    for name in Self.names { try manager.load(name) }
    #expect(resident(manager) == Self.names)
  }

  @Test func anEvictedAdapterComesBackExactly() async throws {
    let manager = try manager()
    let before = try await tokens(Context(manager.model, named: [("lora", 0.8), ("qv", 0.5)]))
    for name in Self.names { #expect(try manager.evict(name)) }
    let known = manager.residency
    #expect(known.map(\.name) == Self.names && !known.contains { $0.isResident })
    let lora = try ContextTests.adapter("lora")
    #expect(known[0].path == lora.path && known[0].contentHash == lora.contentHash)
    #expect(known[0].byteCount == lora.byteCount && known[0].ranks == lora.ranks)
    #expect(known[0].sites == lora.targets.count)
    let after = try Context(manager.model, named: [("qv", 0.5), ("lora", 0.8)])
    #expect(resident(manager) == ["lora", "qv"])
    #expect(try await tokens(after) == before)
    try manager.apply("bf16", scale: 0.3)
    #expect(resident(manager) == ["lora", "bf16", "qv"])
    #expect(try manager.evict("bf16") == false)
  }

  @Test func whatIsPinnedOrAppliedStays() throws {
    let manager = try manager()
    try manager.setPinned(true, of: "lora")
    try manager.apply("bf16", scale: 0)
    #expect(try !manager.evict("lora") && !manager.evict("bf16"))
    try manager.setBudget(bytes("lora", "bf16"))
    #expect(resident(manager) == ["lora", "bf16"])
    let refusal = try AdapterError.budgetExceeded(
      name: "qv", needed: bytes("qv"), budget: bytes("lora", "bf16"), pinned: bytes("lora", "bf16"))
    #expect(throws: refusal) { try manager.load("qv") }
    #expect(throws: refusal) { try manager.apply("qv") }
    #expect(throws: refusal) { try manager.setPinned(true, of: "qv") }
    #expect(throws: refusal) { try Context(manager.model, named: [("qv", 1)]) }
    try manager.setPinned(false, of: "lora")
    try manager.load("qv")
    #expect(resident(manager) == ["bf16", "qv"])
    // It was in use until now: qv is what leaves.
    try manager.unapply("bf16")
    try manager.setPinned(true, of: "lora")
    #expect(resident(manager) == ["lora", "bf16"])
    #expect(manager.residency.map(\.isPinned) == [true, false, false, false])
  }

  @Test func aRefusalLeavesEverythingAsItWas() throws {
    let manager = LoRAManager(try ContextTests.model())
    try manager.add(ContextTests.adapter("lora"), scale: 0.5, name: "code")
    try manager.register(ContextTests.adapter("qv"), name: "qv")
    let budget = try bytes("lora", "qv")
    try manager.setBudget(budget)
    let before = try ContextTests.logits(manager.model), generations = manager.residency.map(\.generation)
    let big = try ContextTests.adapter("embed")
    let refusal = try AdapterError.budgetExceeded(
      name: "big", needed: big.byteCount, budget: budget, pinned: bytes("lora"))
    #expect(throws: refusal) { try manager.add(big, name: "big") }
    #expect(throws: refusal) { try manager.register(big, name: "big") }
    #expect(throws: AdapterError.self) { try manager.model.applyAdapter(big) }
    #expect(throws: AdapterError.self) { try manager.replace("qv", with: big) }
    #expect(throws: AdapterError.self) { try manager.setBudget(bytes("lora") - 1) }
    #expect(throws: AdapterError.invalidBudget(-1)) { try manager.setBudget(-1) }
    #expect(throws: AdapterError.self) { try LoRAManager(manager.model, budget: 1) }
    #expect(manager.budget == budget)
    #expect(manager.residency.map(\.name) == ["code", "qv"])
    #expect(manager.residency.map(\.generation) == generations)
    #expect(resident(manager) == ["code", "qv"])
    #expect(try ContextTests.logits(manager.model) == before)
    #expect(refusal.description.contains("of the budget of \(budget) bytes"))
  }

  /// What a context runs with counts until the context ends, also when its name is gone.
  @Test func runningContextsKeepTheirAdapters() async throws {
    let manager = try manager()
    let before = try await tokens(Context(manager.model, named: [("lora", 1)]))
    var context: Context? = try Context(manager.model, named: [("lora", 1)])
    #expect(try manager.evict("lora") == false)
    #expect(manager.residency[0].runningContexts == 1)
    try manager.remove("lora")
    for name in ["bf16", "pattern", "qv"] { #expect(try manager.evict(name)) }
    #expect(try manager.residentByteCount == bytes("lora"))
    #expect(try await tokens(#require(context)) == before)
    try manager.setBudget(bytes("lora"))
    #expect(throws: AdapterError.self) { try manager.load("qv") }
    context = nil
    try await wait { manager.residentByteCount == 0 }
    try manager.load("qv")
    #expect(resident(manager) == ["qv"])
  }

  @Test func usesAreCounted() async throws {
    let manager = try manager()
    try manager.apply("bf16", scale: 0.5)
    let context = try Context(manager.model), own = try Context(manager.model, named: [("lora", 1)])
    _ = try await tokens(context)
    _ = try await tokens(context)
    _ = try await tokens(own)
    _ = try Context(manager.model, named: [("lora", 0)])
    #expect(throws: ModelError.self) {
      try Context(manager.model, named: [("lora", 1)], options: ContextOptions(length: 0))
    }
    #expect(manager.residency.map(\.contexts) == [1, 1, 0, 0])
    #expect(manager.residency.map(\.generations) == [1, 2, 0, 0])
    #expect(manager.residency.map(\.runningContexts) == [1, 1, 0, 0])
    #expect(manager.residency.map(\.scale) == [nil, 0.5, nil, nil])
    #expect(manager.residency[0].lastUse > manager.residency[3].lastUse)
    withExtendedLifetime((context, own)) {}
  }

  @Test func aFileThatChangedOrWentIsNamed() throws {
    try withTemporaryDirectory { folder in
      let file = folder.appendingPathComponent("a.gguf")
      func put(_ name: String) throws {
        // Written beside and renamed over it, as whoever trains an adapter should.
        let bytes = try Data(contentsOf: URL(fileURLWithPath: ContextTests.adapter(name).path))
        try bytes.write(to: file, options: .atomic)
      }
      let manager = LoRAManager(try ContextTests.model())
      try manager.add(ContextTests.adapter("qv"), scale: 0.7, name: "applied")
      let before = try ContextTests.logits(manager.model)
      try put("lora")
      let generation = try manager.register(path: file.path, name: "a")
      try put("lora2")
      // As long as it is mapped, it is the old one.
      _ = try Context(manager.model, named: [("a", 1)])
      #expect(try manager.evict("a"))
      let changed = try AdapterError.fileChanged(
        name: "a", file: file.path, expected: ContextTests.adapter("lora").contentHash,
        found: ContextTests.adapter("lora2").contentHash)
      #expect(throws: changed) { try manager.load("a") }
      #expect(throws: changed) { try manager.apply("a") }
      #expect(throws: changed) { try Context(manager.model, named: [("applied", 1), ("a", 1)]) }
      try FileManager.default.removeItem(at: file)
      #expect(throws: AdapterError.fileGone(name: "a", file: file.path)) {
        try manager.setPinned(true, of: "a")
      }
      try Data("nonsense".utf8).write(to: file)
      #expect(throws: GGUFError.self) { try manager.load("a") }
      #expect(manager.adapters.map(\.name) == ["applied"])
      #expect(manager.residency.map(\.isResident) == [true, false])
      #expect(manager.residency[1].generation == generation && !manager.residency[1].isPinned)
      #expect(try ContextTests.logits(manager.model) == before)
      try put("lora")
      try manager.load("a")
      try put("lora2")
      try manager.replace("a", with: LoRAAdapter.load(file.path))
      #expect(try manager.evict("a"))
      try manager.load("a")
    }
  }

  /// Tasks that ask for more adapters than fit at once, each time with the text of their own choice.
  @Test func contextsUnderABudgetGetWhatTheyAskFor() async throws {
    let manager = try manager()
    var expected: [String: [Int32]] = [:]
    for name in Self.names { expected[name] = try await tokens(Context(manager.model, named: [(name, 1)])) }
    try manager.setBudget(bytes("lora", "bf16"))
    let (served, refused) = await withTaskGroup(of: Bool.self) { [expected] group in
      for task in 0..<24 {
        group.addTask {
          let name = Self.names[task % Self.names.count]
          do {
            let found = try await self.tokens(Context(manager.model, named: [(name, 1)]))
            #expect(found == expected[name], "\(name)")
            return true
          } catch AdapterError.budgetExceeded {
            return false
          } catch {
            Issue.record(error)
            return false
          }
        }
      }
      return await group.reduce(into: (0, 0)) { $1 ? ($0.0 += 1) : ($0.1 += 1) }
    }
    #expect(served > 0 && served + refused == 24)
    #expect(try manager.residentByteCount <= bytes("lora", "bf16"))
    try await wait { !manager.residency.contains { $0.runningContexts > 0 } }
  }

  /// A context ends on whatever thread lets go of it last.
  private func wait(_ condition: () -> Bool) async throws {
    for _ in 0..<2000 where !condition() { try await Task.sleep(for: .milliseconds(5)) }
    #expect(condition())
  }
}
