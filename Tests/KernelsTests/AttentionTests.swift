import Foundation
import Testing
import TestSupport

import Kernels

/// `Workspace.attend` against softmax(q·kᵀ)·v in double precision.
@Suite struct AttentionTests {
  /// Several sequences of one batch: `tokens` new ones each, after `positions - tokens` old ones.
  struct Shape: Sendable {
    var headSize = 64
    var kvHeads = 1
    /// Query heads of each key/value head.
    var group = 1
    var sequences: [(positions: Int, tokens: Int)] = [(5, 1)]
    /// Positions that a token sees, itself included; 0: all before it.
    var window = 0
    var softcap: Float = 0
    var areHalves = true
    var querySize: Float = 1
    var valueSize: Float = 1

    var heads: Int { kvHeads * group }
    var tokens: Int { sequences.reduce(0) { $0 + $1.tokens } }
  }

  private struct Row {
    var store: Int
    var first: Int
    var limit: Int
  }

  /// Fills stores, attends, compares. Positions that no row sees are NaN, as memory never written may be.
  private func check(_ shape: Shape, _ names: [TableName] = TableName.available) throws {
    var random = SplitMix64(seed: UInt64(shape.headSize + shape.tokens))
    let width = shape.heads * shape.headSize, kvWidth = shape.kvHeads * shape.headSize
    let queries = Matrix(
      rows: shape.tokens, columns: width, random.normals(shape.tokens * width, deviation: shape.querySize))
    var rows: [Row] = []
    for (store, sequence) in shape.sequences.enumerated() {
      for token in 0..<sequence.tokens {
        let limit = sequence.positions - sequence.tokens + token + 1
        rows.append(
          Row(store: store, first: shape.window > 0 ? max(0, limit - shape.window) : 0, limit: limit))
      }
    }
    let keys = shape.sequences.map { random.normals($0.positions * kvWidth) }
    let values = shape.sequences.map { random.normals($0.positions * kvWidth, deviation: shape.valueSize) }
    let seen = shape.sequences.indices.map { store in
      rows.filter { $0.store == store }.map(\.first).min() ?? 0
    }
    let scale = 1 / Float(shape.headSize).squareRoot()
    let reference = exact(shape, queries, keys, values, rows, scale)
    for name in names {
      let workspace = Workspace(
        compute: Compute(table: name.table, threads: 2), tokens: shape.tokens, columns: 32,
        heads: shape.group,
        headSize: shape.headSize)
      let output = Matrix(rows: shape.tokens, columns: width)
      Inputs.fill(output, .nan)
      let stores = shape.sequences.indices.map { store in
        fill(workspace, shape, keys[store], values[store], firstSeen: seen[store])
      }
      let starts = shape.sequences.indices.map { i in shape.sequences[..<i].reduce(0) { $0 + $1.tokens } }
      workspace.setSequences(
        stores.count, heads: shape.group, first: { starts[$0] }, tokens: { shape.sequences[$0].tokens },
        store: { stores[$0] })
      for (i, row) in rows.enumerated() { workspace.setVisible(row: i, first: row.first, limit: row.limit) }
      workspace.attend(
        queries, into: output, layer: 1, heads: shape.heads, kvHeads: shape.kvHeads, headSize: shape.headSize,
        scale: scale, softcap: shape.softcap)
      for token in 0..<shape.tokens {
        for i in 0..<width {
          let found = Double(output[token, i]), expected = reference.values[token * width + i]
          // A score that is off by e changes its weight by e of itself: 2⁻²⁴ for each of the products added, relative to
          // |q||k|, beside the rounding of the weighted sum.
          let bound = Double(shape.valueSize) * (reference.scores[token] * 0x1p-24 * 32 + 2e-5)
          if !(abs(found - expected) <= bound) {
            Issue.record("\(name): token \(token) [\(i)]: \(found), not \(expected) ± \(bound)")
            return
          }
        }
      }
    }
  }

  /// Layer 1 of two holds the numbers, layer 0 NaN; so do positions before `firstSeen` and those after the last.
  private func fill(
    _ workspace: Workspace, _ shape: Shape, _ keys: [Float], _ values: [Float], firstSeen: Int
  ) -> KVStore {
    let width = shape.kvHeads * shape.headSize, positions = keys.count / width
    let store = KVStore(
      layers: 2, heads: shape.kvHeads, headSize: shape.headSize, capacity: positions + 70,
      areHalves: shape.areHalves)
    let nan = Matrix(rows: 1, columns: width)
    Inputs.fill(nan, .nan)
    let k = Matrix(rows: 1, columns: width), v = Matrix(rows: 1, columns: width)
    for position in 0..<positions + 70 {
      workspace.append(nan, nan, row: 0, to: store, layer: 0, position: position)
      guard (firstSeen..<positions).contains(position) else {
        workspace.append(nan, nan, row: 0, to: store, layer: 1, position: position)
        continue
      }
      for i in 0..<width {
        k[0, i] = keys[position * width + i]
        v[0, i] = values[position * width + i]
      }
      workspace.append(k, v, row: 0, to: store, layer: 1, position: position)
    }
    return store
  }

  private func exact(
    _ shape: Shape, _ queries: Matrix, _ keys: [[Float]], _ values: [[Float]], _ rows: [Row], _ scale: Float
  ) -> (values: [Double], scores: [Double]) {
    let n = shape.headSize, width = shape.heads * n, kvWidth = shape.kvHeads * n
    func stored(_ x: [Float]) -> [Double] {
      x.map { shape.areHalves ? Double(Float(Float16($0))) : Double($0) }
    }
    let k = keys.map(stored), v = values.map(stored)
    var result = [Double](repeating: 0, count: rows.count * width)
    var sizes = [Double](repeating: 0, count: rows.count)
    for (token, row) in rows.enumerated() where row.first < row.limit {
      let query = queries.values(row: token).map(Double.init)
      for head in 0..<shape.heads {
        let kvHead = head / shape.group
        var scores: [Double] = []
        for position in row.first..<row.limit {
          var sum = 0.0, size = 0.0
          for i in 0..<n {
            let product = query[head * n + i] * k[row.store][position * kvWidth + kvHead * n + i]
            sum += product
            size += abs(product)
          }
          sizes[token] = max(sizes[token], size * Double(scale))
          var score = sum * Double(scale)
          if shape.softcap > 0 { score = Double(shape.softcap) * tanh(score / Double(shape.softcap)) }
          scores.append(score)
        }
        let largest = scores.max()!
        let weights = scores.map { exp($0 - largest) }
        let total = weights.reduce(0, +)
        for (j, weight) in weights.enumerated() {
          for i in 0..<n {
            result[token * width + head * n + i] +=
              weight / total * v[row.store][(row.first + j) * kvWidth + kvHead * n + i]
          }
        }
      }
    }
    return (result, sizes)
  }

  @Test(arguments: [32, 64, 80, 96, 100, 128, 256], [1, 2, 3, 4, 8, 32])
  func headSizesAndGroups(_ headSize: Int, _ group: Int) throws {
    for (positions, tokens) in [(1, 1), (70, 1), (65, 2), (64, 7)] {
      try check(Shape(headSize: headSize, kvHeads: 2, group: group, sequences: [(positions, tokens)]))
    }
  }

  @Test(arguments: [1, 5, 63, 64, 65, 128, 200, 1000], [1, 2, 7, 40])
  func positionsAndTokens(_ positions: Int, _ tokens: Int) throws {
    if tokens > positions { return }
    for areHalves in [true, false] {
      try check(
        Shape(headSize: 32, kvHeads: 2, group: 3, sequences: [(positions, tokens)], areHalves: areHalves))
    }
  }

  @Test(arguments: [0, 20]) func severalSequences(_ window: Int) throws {
    try check(
      Shape(
        headSize: 40, kvHeads: 2, group: 4, sequences: [(1, 1), (90, 30), (64, 1), (200, 2), (7, 7)],
        window: window))
  }

  @Test(arguments: [1, 2, 33, 64, 65, 100, 129], [1, 3, 40])
  func windows(_ window: Int, _ tokens: Int) throws {
    for positions in [40, 129, 300] {
      for group in [1, 4] {
        try check(
          Shape(headSize: 36, kvHeads: 1, group: group, sequences: [(positions, tokens)], window: window))
      }
    }
  }

  @Test(arguments: [5, 30, 1000] as [Float], [1, 3, 20]) func softcap(_ cap: Float, _ tokens: Int) throws {
    try check(
      Shape(headSize: 64, group: 2, sequences: [(150, tokens)], window: 90, softcap: cap, querySize: 20))
  }

  /// Few tokens behind many positions: items are split by positions and merged.
  @Test(arguments: [255, 256, 257, 513, 2100, 5000], [1, 2, 3, 16]) func manyParts(
    _ positions: Int, _ tokens: Int
  ) throws {
    try check(Shape(headSize: 64, kvHeads: 2, group: 3, sequences: [(positions, tokens)]))
    try check(
      Shape(headSize: 52, kvHeads: 1, group: 6, sequences: [(positions, tokens)], areHalves: false))
    try check(
      Shape(headSize: 32, kvHeads: 3, group: 2, sequences: [(positions, tokens)], window: 300, softcap: 30))
  }

  /// Sequences that are split differently, or not at all, in one batch.
  @Test(arguments: [0, 400]) func partsOfSeveralSequences(_ window: Int) throws {
    try check(
      Shape(
        headSize: 32, kvHeads: 2, group: 4, sequences: [(1500, 1), (3, 3), (700, 130), (256, 1), (2000, 5)],
        window: window))
  }

  /// Each number of rows that a kernel may take at once, and the last dimensions of a head that fill no register.
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13], [8, 20, 33, 127]) func rowsAndOddHeads(
    _ group: Int, _ headSize: Int
  ) throws {
    for tokens in [1, 3] { try check(Shape(headSize: headSize, group: group, sequences: [(333, tokens)])) }
  }

  /// Scores of ±1e6 and more: the largest wins alone, nothing overflows.
  @Test(arguments: [1e2, 1e6, 1e15, 1e30] as [Float], [1, 9]) func hugeScores(_ size: Float, _ tokens: Int)
    throws
  {
    for softcap in [0, 50] as [Float] {
      for name in TableName.available {
        let result = attendTo(
          name, tokens: tokens, scores: [-size, size / 2, size, -1, 0], values: [1, 2, 3, 4, 5],
          softcap: softcap)
        if softcap == 0 {
          #expect(result.allSatisfy { $0 == 3 })
        } else if size > 1000 {
          // Two scores stand at the cap.
          #expect(result.allSatisfy { abs($0 - 2.5) < 1e-5 })
        }
      }
    }
  }

  /// Scores of minus infinity have no weight, wherever they stand; alone they give 0, not NaN.
  @Test(arguments: TableName.available, [1, 9]) func minusInfinity(_ name: TableName, _ tokens: Int) {
    let infinity = Float.infinity
    let many = [Float](repeating: -infinity, count: 64)
    for scores in [
      [-infinity, 1], [1, -infinity], [-infinity, 1, -infinity], many + [1], [1] + many, many + [1] + many,
    ] {
      let values = scores.map { $0 == 1 ? Float(7) : 3 }
      let result = attendTo(name, tokens: tokens, scores: scores, values: values)
      #expect(result.allSatisfy { $0 == 7 }, "\(scores.count)")
    }
    let result = attendTo(
      name, tokens: tokens, scores: many + many, values: many.map { _ in 3 } + many.map { _ in 3 })
    #expect(result.allSatisfy { $0 == 0 })
  }

  /// Attention with given scores: the query is 1, 0, 0, …, and the keys hold the scores.
  private func attendTo(
    _ name: TableName, tokens: Int, scores: [Float], values: [Float], softcap: Float = 0
  ) -> [Float] {
    let n = 16
    let workspace = Workspace(
      compute: Compute(table: name.table, threads: 1), tokens: tokens, columns: 32, heads: 1, headSize: n)
    let store = KVStore(layers: 1, heads: 1, headSize: n, capacity: scores.count, areHalves: false)
    let queries = Matrix(rows: tokens, columns: n), output = Matrix(rows: tokens, columns: n)
    Inputs.fill(queries, 0)
    Inputs.fill(output, .nan)
    let k = Matrix(rows: 1, columns: n), v = Matrix(rows: 1, columns: n)
    Inputs.fill(k, 0)
    for position in scores.indices {
      k[0, 0] = scores[position]
      Inputs.fill(v, values[position])
      workspace.append(k, v, row: 0, to: store, layer: 0, position: position)
    }
    workspace.setSequences(1, heads: 1, first: { _ in 0 }, tokens: { _ in tokens }, store: { _ in store })
    for row in 0..<tokens {
      queries[row, 0] = 1
      workspace.setVisible(row: row, first: 0, limit: scores.count)
    }
    workspace.attend(
      queries, into: output, layer: 0, heads: 1, kvHeads: 1, headSize: n, scale: 1, softcap: softcap)
    return (0..<tokens).flatMap { output.values(row: $0) }
  }

  /// Rows that see nothing give 0 and do not disturb those that do.
  @Test(arguments: TableName.available, [1, 2, 12]) func rowsThatSeeNothing(_ name: TableName, _ tokens: Int)
  {
    let n = 48, positions = 130
    let workspace = Workspace(
      compute: Compute(table: name.table, threads: 1), tokens: tokens, columns: 32, heads: 1, headSize: n)
    let store = KVStore(layers: 1, heads: 1, headSize: n, capacity: positions, areHalves: true)
    let k = Matrix(rows: 1, columns: n), v = Matrix(rows: 1, columns: n)
    Inputs.fill(k, 1)
    for position in 0..<positions {
      // What no row sees is NaN.
      Inputs.fill(v, (70..<80).contains(position) ? 6 : .nan)
      workspace.append(k, v, row: 0, to: store, layer: 0, position: position)
    }
    let queries = Inputs.normal(rows: tokens, columns: n, seed: 1), output = Matrix(rows: tokens, columns: n)
    let blind: [(Int, Int)] = [(0, 0), (5, 5), (129, 129), (90, 0)]
    workspace.setSequences(1, heads: 1, first: { _ in 0 }, tokens: { _ in tokens }, store: { _ in store })
    for shift in 0..<5 {
      Inputs.fill(output, .nan)
      let visible = (0..<tokens).map { row in
        let kind = (row + shift) % 5
        return kind < 4 ? blind[kind] : (70, 80)
      }
      for row in 0..<tokens { workspace.setVisible(row: row, first: visible[row].0, limit: visible[row].1) }
      workspace.attend(queries, into: output, layer: 0, heads: 1, kvHeads: 1, headSize: n, scale: 1)
      for row in 0..<tokens {
        let expected: Float = visible[row] == (70, 80) ? 6 : 0
        let right = output.values(row: row).allSatisfy { abs($0 - expected) < 1e-5 }
        #expect(right, "row \(row) sees \(visible[row]): \(output[row, 0])")
      }
    }
  }

  /// Sequences of one batch have the bits they have alone, on any number of threads, however they are split.
  @Test(arguments: TableName.available) func otherSequencesDoNotChangeABit(_ name: TableName) {
    let n = 48, kvHeads = 2, group = 3
    let lengths = [(1, 1), (900, 1), (257, 2), (600, 40), (1300, 1)]
    let stores = lengths.enumerated().map { index, length in
      let store = KVStore(layers: 1, heads: kvHeads, headSize: n, capacity: 1400, areHalves: true)
      let workspace = Workspace(
        compute: Compute(table: name.table, threads: 1), tokens: 1, columns: 32, heads: 1, headSize: n)
      let k = Inputs.normal(rows: length.0, columns: kvHeads * n, seed: UInt64(2 * index))
      let v = Inputs.normal(rows: length.0, columns: kvHeads * n, seed: UInt64(2 * index + 1))
      for p in 0..<length.0 { workspace.append(k, v, row: p, to: store, layer: 0, position: p) }
      return store
    }
    func run(_ chosen: [Int], threads: Int) -> [[UInt32]] {
      let starts = chosen.indices.map { i in chosen[..<i].reduce(0) { $0 + lengths[$1].1 } }
      let tokens = chosen.reduce(0) { $0 + lengths[$1].1 }
      let workspace = Workspace(
        compute: Compute(table: name.table, threads: threads), tokens: tokens, columns: 32, heads: group,
        headSize: n)
      let queries = Matrix(rows: tokens, columns: kvHeads * group * n)
      let output = Matrix(rows: tokens, columns: kvHeads * group * n)
      for (i, index) in chosen.enumerated() {
        let (positions, count) = lengths[index]
        let own = Inputs.normal(rows: count, columns: queries.columns, seed: UInt64(50 + index))
        for token in 0..<count {
          for column in 0..<queries.columns { queries[starts[i] + token, column] = own[token, column] }
          workspace.setVisible(row: starts[i] + token, first: 0, limit: positions - count + token + 1)
        }
      }
      workspace.setSequences(
        chosen.count, heads: group, first: { starts[$0] }, tokens: { lengths[chosen[$0]].1 },
        store: { stores[chosen[$0]] })
      // Twice: the counts of finished parts begin anew.
      for _ in 0..<2 {
        Inputs.fill(output, .nan)
        workspace.attend(
          queries, into: output, layer: 0, heads: kvHeads * group, kvHeads: kvHeads, headSize: n, scale: 0.3)
      }
      return chosen.indices.map {
        Inputs.bits(output, rows: starts[$0]..<starts[$0] + lengths[chosen[$0]].1)
      }
    }
    let alone = lengths.indices.map { run([$0], threads: 1)[0] }
    for threads in [1, 2, 5] {
      #expect(run(Array(lengths.indices), threads: threads) == alone)
      #expect(run([4, 1], threads: threads) == [alone[4], alone[1]])
    }
  }

  @Test(arguments: TableName.available) func threadsDoNotChangeABit(_ name: TableName) {
    let n = 32, positions = 300, tokens = 50, kvHeads = 2, group = 4
    func run(_ threads: Int) -> [UInt32] {
      let workspace = Workspace(
        compute: Compute(table: name.table, threads: threads), tokens: tokens, columns: 32, heads: group,
        headSize: n)
      let store = KVStore(layers: 1, heads: kvHeads, headSize: n, capacity: positions, areHalves: true)
      let k = Inputs.normal(rows: positions, columns: kvHeads * n, seed: 1)
      let v = Inputs.normal(rows: positions, columns: kvHeads * n, seed: 2)
      for p in 0..<positions { workspace.append(k, v, row: p, to: store, layer: 0, position: p) }
      let queries = Inputs.normal(rows: tokens, columns: kvHeads * group * n, seed: 3)
      let output = Matrix(rows: tokens, columns: kvHeads * group * n)
      workspace.setSequences(
        1, heads: group, first: { _ in 0 }, tokens: { _ in tokens }, store: { _ in store })
      for row in 0..<tokens { workspace.setVisible(row: row, first: 0, limit: positions - tokens + row + 1) }
      workspace.attend(
        queries, into: output, layer: 0, heads: kvHeads * group, kvHeads: kvHeads, headSize: n, scale: 0.2)
      return Inputs.bits(output, rows: 0..<tokens)
    }
    let alone = run(1)
    for threads in [2, 3, 8] { #expect(run(threads) == alone) }
  }
}
