import Mullama
import TestSupport
import Testing

/// Generation numbers: of several writers that have seen the same, one wins.
@Suite struct LoRAManagerGenerationTests {
  private func manager() throws -> (LoRAManager, LoRAAdapter, LoRAAdapter) {
    (
      LoRAManager(try ContextTests.model()), try ContextTests.adapter("lora"),
      try ContextTests.adapter("lora2")
    )
  }

  @Test func everyChangeHasANewGeneration() throws {
    let (manager, lora, other) = try manager()
    var generations = [try manager.add(lora, name: "code")]
    generations.append(try manager.setScale(0.5, of: "code", expecting: generations[0]))
    generations.append(try manager.replace("code", with: other, expecting: generations[1]))
    generations.append(try manager.unapply("code", expecting: generations[2]))
    generations.append(try manager.apply("code", scale: 2, expecting: generations[3]))
    #expect(manager["code"]?.generation == generations[4])
    #expect(manager.residency.map(\.generation) == [generations[4]])
    try manager.remove("code", expecting: generations[4])
    // A name that comes back is not the one that went.
    generations.append(try manager.add(lora, name: "code"))
    #expect(generations == generations.sorted() && Set(generations).count == generations.count)
  }

  @Test func anOldGenerationChangesNothing() throws {
    let (manager, lora, other) = try manager()
    let old = try manager.add(lora, scale: 0.5, name: "code")
    let new = try manager.setScale(0.25, of: "code")
    let mismatch = AdapterError.generationMismatch(name: "code", expected: old, found: new)
    #expect(throws: mismatch) { try manager.replace("code", with: other, expecting: old) }
    #expect(throws: mismatch) { try manager.setScale(1, of: "code", expecting: old) }
    #expect(throws: mismatch) { try manager.apply("code", expecting: old) }
    #expect(throws: mismatch) { try manager.unapply("code", expecting: old) }
    #expect(throws: mismatch) { try manager.remove("code", expecting: old) }
    #expect(mismatch.description.contains("expected generation \(old), but it is \(new)"))
    #expect(manager["code"]?.scale == 0.25)
    #expect(manager["code"]?.adapter === lora)
    #expect(throws: AdapterError.unknownName(name: "x", known: ["code"])) {
      try manager.remove("x", expecting: new)
    }
  }

  /// Pinning, eviction and reading again do not count as changes: what the adapter does is the same.
  @Test func memoryDoesNotChangeTheGeneration() throws {
    let (manager, lora, _) = try manager()
    let generation = try manager.register(lora, name: "code")
    try manager.setPinned(true, of: "code")
    try manager.setPinned(false, of: "code")
    #expect(try manager.evict("code"))
    try manager.load("code")
    #expect(manager.residency[0].generation == generation)
  }

  /// In each round all tasks have seen the same generation: one change succeeds, the others are told.
  @Test(arguments: ["replace", "setScale", "remove"])
  func oneOfSeveralWritersWins(change: String) async throws {
    let (manager, lora, other) = try manager()
    for round in 0..<20 {
      let seen = try manager.add(lora, name: "code")
      let outcomes = await withTaskGroup(of: Int?.self) { group in
        for writer in 0..<8 {
          group.addTask {
            do {
              switch change {
              case "replace":
                try manager.replace("code", with: other, scale: Float(writer + 2), expecting: seen)
              case "setScale": try manager.setScale(Float(writer + 2), of: "code", expecting: seen)
              default: try manager.remove("code", expecting: seen)
              }
              return writer
            } catch AdapterError.generationMismatch("code", seen, let found) where found > seen {
              return nil
            } catch AdapterError.unknownName where change == "remove" {
              return nil
            } catch {
              Issue.record(error)
              return nil
            }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      let winners = outcomes.compactMap(\.self)
      #expect(winners.count == 1, "round \(round)")
      #expect(manager["code"]?.scale == (change == "remove" ? nil : winners.first.map { Float($0 + 2) }))
      manager.removeAll()
    }
  }

  /// Tasks that add to a scale by reading it, and try again where they were too late, lose none of their changes.
  @Test func retriesLoseNothing() async throws {
    let (manager, lora, _) = try manager()
    try manager.add(lora, scale: 0, name: "code")
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<10 {
            while let seen = manager["code"] {
              if (try? manager.setScale(seen.scale + 1, of: "code", expecting: seen.generation)) != nil {
                break
              }
              await Task.yield()
            }
          }
        }
      }
    }
    #expect(manager["code"]?.scale == 80)
  }
}
