import Mullama
import TestSupport
import Testing

/// Adapters by name: added, scaled, replaced and removed while contexts run.
@Suite struct LoRAManagerTests {
  private let options = GenerationOptions(maxTokens: 16, sampling: .greedy, ignoresEnd: true)

  private func tokens(_ context: Context) async throws -> [Int32] {
    try await context.complete(.tokens([5, 6, 7, 8]), options: options).tokens
  }

  @Test func newContextsSeeChangesAndRunningOnesDoNot() async throws {
    let model = try ContextTests.model(), manager = LoRAManager(model)
    let base = try Context(model)
    let before = try await tokens(base)
    try manager.add(ContextTests.adapter("lora"), scale: 1, name: "code")
    let adapted = try Context(model)
    let with = try await tokens(adapted)
    #expect(with != before)
    #expect(try await tokens(base) == before)
    try manager.remove("code")
    #expect(try await tokens(Context(model)) == before)
    #expect(try await tokens(adapted) == with)
    let own = try Context(model, adapters: [(ContextTests.adapter("lora"), 1)])
    #expect(try await tokens(own) == with)
  }

  @Test func scalesReplacementAndRemovalAreExact() throws {
    let model = try ContextTests.model(), manager = LoRAManager(model)
    let base = try ContextTests.logits(model)
    let lora = try ContextTests.adapter("lora"), other = try ContextTests.adapter("lora2")
    try manager.add(lora, scale: 0.8, name: "code")
    try manager.add(other, scale: 0.5, name: "style")
    let both = try ContextTests.logits(model)
    #expect(both != base)
    try manager.setScale(0, of: "code")
    try manager.setScale(0, of: "style")
    #expect(try ContextTests.logits(model) == base)
    try manager.setScale(0.5, of: "style")
    try manager.setScale(0.8, of: "code")
    #expect(try ContextTests.logits(model) == both)
    try manager.replace("code", with: other, scale: 0.1)
    #expect(manager["code"]?.scale == 0.1)
    #expect(manager["code"]?.adapter === other)
    #expect(try ContextTests.logits(model) != both)
    manager.removeAll()
    #expect(manager.adapters.isEmpty)
    #expect(try ContextTests.logits(model) == base)
  }

  @Test func aFailedChangeChangesNothing() throws {
    let model = try ContextTests.model(), manager = LoRAManager(model)
    try manager.add(ContextTests.adapter("lora"), scale: 0.5, name: "code")
    let before = try ContextTests.logits(model)
    #expect(throws: AdapterError.nameTaken(name: "code")) {
      try manager.add(ContextTests.adapter("qv"), name: "code")
    }
    #expect(throws: AdapterError.unknownName(name: "x", known: ["code"])) { try manager.remove("x") }
    #expect(throws: AdapterError.unknownName(name: "x", known: ["code"])) { try manager.setScale(1, of: "x") }
    #expect(throws: AdapterError.self) { try manager.setScale(.nan, of: "code") }
    let foreign = try LoRAAdapter.load(ConformanceManifest.load("qwen2").adapterPath("lora"))
    #expect(throws: AdapterError.self) { try manager.add(foreign, name: "foreign") }
    #expect(throws: AdapterError.self) { try manager.replace("code", with: foreign) }
    #expect(throws: AdapterError.self) { try model.applyAdapter(foreign) }
    #expect(manager.adapters.map(\.name) == ["code"])
    #expect(manager["code"]?.scale == 0.5)
    #expect(try ContextTests.logits(model) == before)
  }

  @Test func applyingTwiceChangesTheScale() throws {
    let model = try ContextTests.model()
    let adapter = try ContextTests.adapter("lora")
    let base = try ContextTests.logits(model)
    try model.applyAdapter(adapter)
    let whole = try ContextTests.logits(model)
    try model.applyAdapter(adapter, scale: 0.5)
    #expect(model.adapters.count == 1)
    #expect(try ContextTests.logits(model) != whole)
    model.removeAdapter(adapter)
    #expect(try ContextTests.logits(model) == base)
  }

  /// The same is what has the same content. `applyAdapter` changes its scale, `add` stacks it under another name.
  @Test func theSameAdapterTwice() throws {
    let model = try ContextTests.model(.reference), manager = LoRAManager(model)
    let base = try ContextTests.logits(model)
    let one = try ContextTests.adapter("lora"), copy = try ContextTests.adapter("lora")
    #expect(try model.applyAdapter(one) == one.name)
    let whole = try ContextTests.logits(model)
    #expect(try model.applyAdapter(copy, scale: 0.5) == one.name)
    #expect(model.adapters.map(\.scale) == [0.5])
    #expect(model.adapters[0].adapter === one)
    let half = try ContextTests.logits(model)
    try manager.add(one, scale: 0.5, name: "again")
    #expect(manager.adapters.map(\.name) == [one.name, "again"])
    // Twice half is the whole, up to the rounding of a sum.
    let difference = try zip(ContextTests.logits(model), whole).map { abs($0 - $1) }.max() ?? .infinity
    #expect(difference < 1e-4)
    #expect(half != whole)
    // The one applied first changes.
    #expect(try model.applyAdapter(one, scale: 0.25) == one.name)
    #expect(model.adapters.map(\.scale) == [0.25, 0.5])
    #expect(manager.residentByteCount == one.byteCount)
    model.removeAdapter(copy)
    #expect(model.adapters.isEmpty)
    #expect(try ContextTests.logits(model) == base)
  }

  @Test func applyAdapterReturnsTheName() throws {
    let model = try ContextTests.model(), manager = LoRAManager(model)
    let lora = try ContextTests.adapter("lora"), other = try ContextTests.adapter("lora2")
    try manager.register(lora, name: "mine")
    try manager.register(ContextTests.adapter("qv"), name: other.name)
    #expect(try model.applyAdapter(lora, scale: 0.5) == "mine")
    #expect(try model.applyAdapter(other) == other.name + "-2")
    #expect(model.adapters.map(\.name) == ["mine", other.name + "-2"])
    model.removeAllAdapters()
    #expect(manager.residency.map(\.name) == [other.name])
  }

  @Test func registeredAdaptersServeContextsThatNameThem() async throws {
    let model = try ContextTests.model(), manager = LoRAManager(model)
    let lora = try ContextTests.adapter("lora"), other = try ContextTests.adapter("lora2")
    let base = try await tokens(Context(model))
    try manager.register(lora, name: "code")
    try manager.register(path: other.path, name: "style")
    #expect(manager.adapters.isEmpty && manager["code"] == nil)
    #expect(try await tokens(Context(model)) == base)
    let both = try await tokens(Context(model, adapters: [(lora, 0.8), (other, 0.5)]))
    #expect(both != base)
    #expect(try await tokens(Context(model, named: [("style", 0.5), ("code", 0.8)])) == both)
    #expect(try await tokens(Context(model, named: [("style", 0), ("code", 0)])) == base)
    #expect(try await tokens(Context(model, named: [])) == base)
    try manager.apply("code", scale: 0.8)
    try manager.apply("style", scale: 0.5)
    #expect(try await tokens(Context(model)) == both)
    #expect(try await tokens(Context(model, named: [])) == base)
    try manager.unapply("code")
    try manager.unapply("style")
    #expect(try await tokens(Context(model)) == base)
    #expect(throws: AdapterError.repeatedName(name: "code")) {
      try Context(model, named: [("code", 1), ("code", 1)])
    }
    #expect(throws: AdapterError.unknownName(name: "x", known: ["code", "style"])) {
      try Context(model, named: [("x", 0)])
    }
    #expect(throws: AdapterError.self) { try Context(model, named: [("code", .infinity)]) }
    let foreign = try LoRAAdapter.load(ConformanceManifest.load("qwen2").adapterPath("lora"))
    #expect(throws: AdapterError.self) { try manager.register(foreign, name: "foreign") }
    #expect(manager.residency.map(\.name) == ["code", "style"])
  }

  /// Requests that choose the same share one set, so that their rows are one run of a batch.
  @Test func equalChoicesShareASet() throws {
    let model = try ContextTests.model(), manager = LoRAManager(model)
    for name in ["lora", "lora2"] { try manager.register(ContextTests.adapter(name), name: name) }
    let first = try model.leaseAdapters(named: [("lora", 0.8), ("lora2", 0.5)])
    let second = try model.leaseAdapters(named: [("lora2", 0.5), ("lora", 0.8)])
    #expect(first.set != nil && first.set === second.set)
    #expect(try model.leaseAdapters(named: [("lora", 0.8)]).set !== first.set)
    try manager.apply("lora", scale: 0.8)
    #expect(try model.leaseAdapters(named: [("lora", 0.8)]).set === model.leaseAdapters().set)
  }

  @Test func changesFromSeveralTasksAreWhole() async throws {
    let model = try ContextTests.model(), manager = LoRAManager(model)
    let adapters = try ["lora", "lora2", "qv"].map { try ContextTests.adapter($0) }
    await withTaskGroup(of: Void.self) { group in
      for i in 0..<30 {
        group.addTask {
          let name = "a\(i % 10)"
          _ = try? manager.add(adapters[i % 3], scale: 0.1, name: name)
          _ = try? manager.setScale(0.2, of: name)
          if i % 2 == 0 { _ = try? manager.remove(name) }
        }
      }
    }
    let names = manager.adapters.map(\.name)
    #expect(Set(names).count == names.count)
    manager.removeAll()
    #expect(try ContextTests.logits(model) == ContextTests.logits(ContextTests.model()))
  }
}
