import Foundation
import GGUF
import Kernels
import TestSupport
import Testing

/// Which experts a token goes to, in which order rows are gathered, and what comes back.
@Suite struct ExpertRoutingTests {
  private static func workspace(_ tokens: Int, threads: Int = 2, columns: Int = 64) -> Workspace {
    Workspace(
      compute: Compute(table: .portable, threads: threads), tokens: tokens, columns: columns, heads: 1,
      headSize: 32)
  }

  /// Softmax over all scores, the best `used`, renormalised: the definition, in double precision.
  private static func expected(_ scores: [Float], used: Int) -> [(expert: Int, weight: Double)] {
    let highest = Double(scores.max()!)
    let parts = scores.map { exp(Double($0) - highest) }
    let total = parts.reduce(0, +)
    let best = scores.indices.sorted { scores[$0] > scores[$1] || (scores[$0] == scores[$1] && $0 < $1) }
      .prefix(used)
    let sum = best.reduce(0) { $0 + parts[$1] / total }
    return best.sorted().map { ($0, parts[$0] / total / sum) }
  }

  @Test(arguments: [(1, 1), (2, 1), (4, 2), (8, 8), (64, 6), (128, 8), (1024, 3)])
  func theBestExpertsAreChosen(_ count: Int, _ used: Int) {
    let tokens = 37
    let scores = Inputs.normal(rows: tokens, columns: count, seed: UInt64(count + used))
    // Equal scores: the first are taken.
    for expert in 0..<count {
      scores[3, expert] = 0.25
      scores[4, expert] = Float(expert / 2)
      scores[5, expert] = -Float(expert)
    }
    let routing = ExpertRouting(tokens: tokens, experts: count, used: used)
    Self.workspace(tokens).route(scores, tokens: tokens, routing)
    for token in 0..<tokens {
      let found = routing.choices(of: token)
      let expected = Self.expected(scores.values(row: token), used: used)
      #expect(found.map(\.expert) == expected.map(\.expert), "token \(token)")
      for (a, b) in zip(found, expected) { #expect(abs(Double(a.weight) - b.weight) < 1e-6) }
    }
  }

  /// Numbers that are none may give nonsense, but valid nonsense.
  @Test(arguments: [Float.nan, .infinity, -.infinity]) func brokenScores(_ value: Float) {
    let scores = Inputs.normal(rows: 4, columns: 8, seed: 5)
    for expert in 0..<8 {
      scores[0, expert] = value
      if expert % 2 == 0 { scores[1, expert] = value }
    }
    scores[2, 7] = value
    let routing = ExpertRouting(tokens: 4, experts: 8, used: 3)
    Self.workspace(4).route(scores, tokens: 4, routing)
    for token in 0..<4 {
      let experts = routing.choices(of: token).map(\.expert)
      #expect(Set(experts).count == 3 && experts.allSatisfy { (0..<8).contains($0) })
    }
    #expect(routing.choices(of: 3).allSatisfy { $0.weight > 0 })
  }

  @Test(arguments: [1, 2, 3, 17, 64, 65, 200], [(4, 2), (128, 8), (16, 16)])
  func rowsAreGroupedByExpert(_ tokens: Int, _ shape: (Int, Int)) {
    let (count, used) = shape
    let routing = ExpertRouting(tokens: 200, experts: count, used: used)
    let workspace = Self.workspace(200)
    // Twice with other scores: nothing is left of the first time.
    for seed in [1, 2] as [UInt64] {
      let scores = Inputs.normal(rows: tokens, columns: count, seed: seed)
      workspace.route(scores, tokens: tokens, routing)
      var seen: [[Int]] = Array(repeating: [], count: tokens)
      for group in routing.groups {
        let members = group.rows.map { routing.token(ofRow: $0) }
        #expect(!members.isEmpty && members == members.sorted() && Set(members).count == members.count)
        for token in members { seen[token].append(group.expert) }
      }
      for token in 0..<tokens { #expect(seen[token] == routing.choices(of: token).map(\.expert)) }
      // Passes cover the groups and rows in order and fit into the buffers.
      #expect(routing.passes.flatMap { Array($0.groups) } == Array(routing.groups.indices))
      #expect(routing.passes.flatMap { Array($0.rows) } == routing.groups.flatMap { Array($0.rows) })
      for pass in routing.passes {
        #expect(pass.rows.count <= routing.capacity && !pass.groups.isEmpty)
        #expect(pass.groups.map { routing.groups[$0].rows.count }.reduce(0, +) == pass.rows.count)
      }
    }
  }

  @Test(arguments: [1, 2, 50, 150]) func rowsComeBackWeighted(_ tokens: Int) {
    let routing = ExpertRouting(tokens: 150, experts: 16, used: 4)
    let workspace = Self.workspace(150)
    workspace.route(Inputs.normal(rows: tokens, columns: 16, seed: 1), tokens: tokens, routing)
    let source = Inputs.normal(rows: tokens, columns: 24, seed: 2)
    let target = Inputs.normal(rows: tokens, columns: 24, seed: 3)
    let before = (0..<tokens).map { target.values(row: $0) }
    let gathered = Matrix(rows: routing.capacity, columns: 24)
    for pass in routing.passes {
      Inputs.fill(gathered, .nan)
      workspace.gather(source, routing, pass, into: gathered)
      for row in pass.rows {
        let token = routing.token(ofRow: row)
        #expect(gathered.values(row: row - pass.rows.lowerBound) == source.values(row: token))
      }
      // Expert e multiplies by e + 1.
      for group in routing.groups[pass.groups] {
        for row in group.rows {
          gathered.withRow(row - pass.rows.lowerBound) { line in
            for i in line.indices { line[i] *= Float(group.expert + 1) }
          }
        }
      }
      workspace.combine(gathered, routing, pass, tokens: tokens, to: target)
    }
    for token in 0..<tokens {
      let factor = routing.choices(of: token).reduce(0) { $0 + Double($1.weight) * Double($1.expert + 1) }
      for (i, value) in target.values(row: token).enumerated() {
        let x = Double(source[token, i])
        #expect(abs(Double(value) - (Double(before[token][i]) + factor * x)) < 1e-5 * (1 + abs(16 * x)))
      }
    }
  }

  /// Matrices that multiply parts of one input give, bit for bit, what each gives by itself; with deltas too.
  @Test(arguments: [TensorType.f32, .f16, .q4_1, .q4_K, .q8_0], TableName.available)
  func partsAreAsTheyAreAlone(_ type: TensorType, _ name: TableName) throws {
    let columns = 256, sizes = [2, 7, 1, 40, 5]
    let tokens = sizes.reduce(0, +)
    let x = Inputs.normal(rows: tokens, columns: columns, seed: 4)
    let weights = try (0..<10).map {
      try RandomWeights.matrix(type, rows: $0 < 5 ? 48 : 20, columns: columns, seed: UInt64(50 + $0))
    }
    var random = SplitMix64(seed: 9)
    func delta(_ site: Int) -> LowRankDelta? {
      if site % 3 == 2 { return nil }
      let rank = 2 + site, rows = weights[site].rows
      return LowRankDelta(segments: [
        LowRankDelta.Segment(
          a: WeightMatrix(rows: rank, columns: columns, random.normals(rank * columns, deviation: 0.05)),
          b: WeightMatrix(rows: rows, columns: rank, random.normals(rows * rank, deviation: 1)), scale: 0.5)
      ])
    }
    let sets = (0..<2).map { _ in DeltaSet(sites: (0..<10).map { delta($0) }) }
    for threads in [1, 3] {
      let compute = Compute(table: name.table, threads: threads)
      func workspace() -> Workspace {
        Workspace(compute: compute, tokens: tokens, columns: columns, heads: 1, headSize: 32)
      }
      let first = Matrix(rows: tokens, columns: 48), second = Matrix(rows: tokens, columns: 20)
      Inputs.fill(first, .nan)
      Inputs.fill(second, .nan)
      // Each part: some rows of the first set, some of none, some of the second.
      var runs: [DeltaRun] = []
      var parts: [LinearPart] = []
      var start = 0
      for (i, size) in sizes.enumerated() {
        let firstRun = runs.count
        let cuts = [0, size / 3, size / 2, size].map { start + $0 }
        for (j, set) in [sets[0], nil, sets[1]].enumerated() where cuts[j] < cuts[j + 1] {
          runs.append(DeltaRun(first: cuts[j], count: cuts[j + 1] - cuts[j], deltas: set))
        }
        for (site, output) in [(i, first), (i + 5, second)] {
          parts.append(
            LinearPart(
              operand: LinearOperand(weight: weights[site], bias: nil, site: site), output: output,
              rows: start..<start + size, runs: firstRun..<runs.count))
        }
        start += size
      }
      let together = workspace()
      for _ in 0..<2 { together.linear(x, tokens: tokens, width: .many, runs: runs, parts) }
      for part in parts {
        let rows = part.rows.count
        let input = Matrix(rows: rows, columns: columns, part.rows.flatMap { x.values(row: $0) })
        let output = Matrix(rows: rows, columns: part.output.columns)
        let local = runs[part.runs].map {
          DeltaRun(first: $0.first - part.rows.lowerBound, count: $0.count, deltas: $0.deltas)
        }
        let alone = LinearPart(
          operand: part.operand, output: output, rows: 0..<rows, runs: 0..<local.count)
        workspace().linear(input, tokens: rows, width: .many, runs: local, [alone])
        #expect(
          Inputs.bits(part.output, rows: part.rows) == Inputs.bits(output, rows: 0..<rows),
          "\(threads) threads, rows \(part.rows)")
      }
    }
  }
}
