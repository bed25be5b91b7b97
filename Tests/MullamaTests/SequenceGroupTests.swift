import Mullama
import Testing

/// Sequences decoded together, as the benchmark does it.
@Suite struct SequenceGroupTests {
  private let prompt: [Int32] = [5, 6, 7, 8, 9]

  private func bits(_ group: SequenceGroup, _ index: Int) -> [UInt32] {
    group.withLogits(index) { $0.map(\.bitPattern) }
  }

  private func bits(_ model: Model, _ tokens: [Int32]) throws -> [UInt32] {
    let session = try model.makeSession(ContextOptions(length: 16))
    _ = try session.prefill(Array(tokens.prefix(prompt.count)))
    for token in tokens.dropFirst(prompt.count) { try session.decode(token) }
    return session.withLogits { $0.map(\.bitPattern) }
  }

  /// In reference arithmetic a row does not depend on what else is in its batch.
  @Test func eachSequenceIsAsIfAlone() throws {
    let model = try ContextTests.model(.reference)
    let group = try model.makeSequenceGroup(count: 3, capacity: 16)
    try group.prefill(prompt)
    #expect(try bits(group, 0) == bits(model, prompt))
    for _ in 0..<2 {
      group.align(3, length: prompt.count)
      try group.run(.decode([20, 21, 22]))
      try group.run(.decode([30, 31, 32]))
    }
    let continuations: [[Int32]] = [[20, 30], [21, 31], [22, 32]]
    for (index, rest) in continuations.enumerated() {
      let together = group.withLogits(index) { Array($0) }
      let session = try model.makeSession(ContextOptions(length: 16))
      _ = try session.prefill(prompt)
      for token in rest { try session.decode(token) }
      // BLAS may sum in another order for another number of rows.
      let largest = session.withLogits { alone in
        zip(alone, together).map { abs($0 - $1) }.max() ?? .infinity
      }
      #expect(largest < 1e-4)
    }
    let positions = 3 * (prompt.count + 2)
    #expect(group.cacheByteCount == model.cacheByteCount(positions: positions))
  }

  /// Two groups step by step in turns, one some steps ahead: each as if alone.
  @Test(arguments: [1, 7]) func stepsInTurnsAreWholePasses(lead: Int) throws {
    let model = try ContextTests.model()
    try model.applyAdapter(ContextTests.adapter("lora"))
    let expected = try bits(model, prompt + [20, 30])
    let groups = try (0..<2).map { _ in try model.makeSequenceGroup(count: 1, capacity: 16) }
    groups[1].usesAdapters = false
    let passes = groups[0].passes(prefill: prompt) + [.decode([20]), .decode([30])]
    let count = groups[0].stepCount
    #expect(count > 2)
    var next = [0, 0]
    while next.contains(where: { $0 < passes.count * count }) {
      for index in [0, 1] where next[index] < passes.count * count {
        if index == 1, next[0] < min(next[1] + lead, passes.count * count) { continue }
        try groups[index].run(passes[next[index] / count], step: next[index] % count)
        next[index] += 1
      }
    }
    #expect(bits(groups[0], 0) == expected)
    model.removeAllAdapters()
    #expect(try bits(groups[1], 0) == bits(model, prompt + [20, 30]))
  }

  @Test func adaptersCanBeLeftOut() throws {
    let model = try ContextTests.model()
    let base = try bits(model, prompt)
    try model.applyAdapter(ContextTests.adapter("lora"))
    let group = try model.makeSequenceGroup(count: 1, capacity: 16)
    try group.prefill(prompt)
    #expect(try bits(group, 0) == bits(model, prompt))
    group.align(1, length: 0)
    group.usesAdapters = false
    try group.prefill(prompt)
    #expect(bits(group, 0) == base)
    #expect(try bits(model, prompt) != base)
  }

  @Test func keysAndValuesThatDoNotFitAreRefused() throws {
    let model = try ContextTests.model()
    #expect(throws: ModelError.self) { try model.makeSequenceGroup(count: 1 << 40, capacity: 1 << 24) }
  }
}
