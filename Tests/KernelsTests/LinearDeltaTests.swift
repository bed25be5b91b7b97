import GGUF
import Testing
import TestSupport

import Kernels

/// Adapters, biases and shared inputs: what a batch's rows get beside `W·x`.
@Suite struct LinearDeltaTests {
  /// Three matrices on one input, as q, k and v are.
  struct Model {
    static let columns = 256
    static let outputs = [48, 16, 20]
    var weights: [WeightMatrix] = []
    var biases: [Matrix?] = []
    let x: Matrix

    init(_ type: TensorType, tokens: Int) throws {
      x = Inputs.normal(rows: tokens, columns: Self.columns, seed: 21)
      for (i, rows) in Self.outputs.enumerated() {
        weights.append(
          try RandomWeights.matrix(type, rows: rows, columns: Self.columns, seed: UInt64(30 + i)))
        biases.append(i == 1 ? nil : Inputs.normal(rows: 1, columns: rows, seed: UInt64(40 + i)))
      }
    }

    /// Outputs of all three, filled with NaN before.
    func run(_ name: TableName, threads: Int, tokens: Int, _ runs: [DeltaRun]) -> [Matrix] {
      let workspace = Workspace(
        compute: Compute(table: name.table, threads: threads), tokens: tokens, columns: Self.columns,
        heads: 1,
        headSize: 32)
      let outputs = Self.outputs.map { Matrix(rows: tokens, columns: $0) }
      for output in outputs { Inputs.fill(output, .nan) }
      let operands = (0..<3).map { LinearOperand(weight: weights[$0], bias: biases[$0], site: $0) }
      // Twice: a region must not depend on what the last one left behind.
      for _ in 0..<2 {
        workspace.linear(
          x, tokens: tokens, runs: runs, operands[0], into: outputs[0], operands[1], into: outputs[1],
          operands[2],
          into: outputs[2])
      }
      return outputs
    }

    /// `gain ⊙ W·x + bias + Σ scale gain ⊙ B(A·x)` of one row in double precision.
    func exact(_ i: Int, token: Int, _ delta: LowRankDelta?) -> (values: [Double], sizes: [Double]) {
      let line = x.values(row: token).map(Double.init)
      func times(_ matrix: WeightMatrix, _ x: [Double], size: Bool = false) -> [Double] {
        let w = matrix.dequantized()
        return (0..<matrix.rows).map { row in
          (0..<matrix.columns).reduce(0.0) {
            let product = Double(w[row * matrix.columns + $1]) * x[$1]
            return $0 + (size ? abs(product) : product)
          }
        }
      }
      let base = delta?.replacement ?? weights[i]
      var y = times(base, line), sizes = times(base, line, size: true)
      for (index, row) in (delta?.rows?.indices ?? []).enumerated() {
        let own = delta?.rows?.values.values(row: index) ?? []
        y[row] = zip(own, line).reduce(0) { $0 + Double($1.0) * $1.1 }
        sizes[row] = zip(own, line).reduce(0) { $0 + abs(Double($1.0) * $1.1) }
      }
      for row in y.indices {
        if let gain = delta?.gain {
          y[row] *= Double(gain[0, row])
          sizes[row] *= Double(abs(gain[0, row]))
        }
        y[row] += Double(biases[i]?[0, row] ?? 0) + Double(delta?.bias?[0, row] ?? 0)
      }
      for segment in delta?.segments ?? [] {
        let h = times(segment.a, line)
        let hSizes = times(segment.a, line, size: true)
        let part = times(segment.b, h), partSizes = times(segment.b, hSizes, size: true)
        for row in y.indices {
          let factor = Double(segment.scale) * Double(segment.gain?[0, row] ?? 1)
          y[row] += factor * part[row]
          sizes[row] += abs(factor) * partSizes[row]
        }
      }
      return (y, sizes)
    }
  }

  static func segment(
    rank: Int, outputs: Int, _ type: TensorType = .f32, scale: Float = 0.5, seed: UInt64, gain: Bool = false
  ) throws -> LowRankDelta.Segment {
    // A's rows are long enough for blocks of 32; B's are where the rank is.
    let bType: TensorType = rank % type.block.weights == 0 ? type : .f16
    return LowRankDelta.Segment(
      a: try RandomWeights.matrix(type, rows: rank, columns: Model.columns, seed: seed),
      b: try RandomWeights.matrix(bType, rows: outputs, columns: rank, seed: seed + 1), scale: scale,
      gain: gain ? Inputs.normal(rows: 1, columns: outputs, seed: seed + 2) : nil)
  }

  /// One adapter set: the same kind of delta at all three sites.
  static func set(_ delta: (_ site: Int, _ outputs: Int) throws -> LowRankDelta?) rethrows -> DeltaSet {
    DeltaSet(sites: try Model.outputs.enumerated().map { try delta($0.offset, $0.element) })
  }

  static func simple(rank: Int, _ type: TensorType = .f32, seed: UInt64) throws -> DeltaSet {
    try set { site, outputs in
      LowRankDelta(segments: [
        try segment(rank: rank, outputs: outputs, type, seed: seed + UInt64(10 * site))
      ])
    }
  }

  /// 8-bit activations, in the worst case all errors of one sign, are off by 1/254 of a block's span (at most twice
  /// its largest value), which is some times the mean; 16-bit and float ones by much less.
  static func expectNear(
    _ model: Model, _ outputs: [Matrix], _ runs: [DeltaRun], _ what: String
  ) {
    for run in runs {
      for token in run.first..<run.first + run.count {
        for i in outputs.indices {
          let (values, sizes) = model.exact(i, token: token, run.deltas?.sites[i])
          for row in values.indices {
            let found = Double(outputs[i][token, row])
            if !(abs(found - values[row]) <= 0.004 * sizes[row] + 1e-5) {
              Issue.record("\(what): matrix \(i) [\(token), \(row)]: \(found), not \(values[row])")
              return
            }
          }
        }
      }
    }
  }

  @Test(arguments: TableName.available, [1, 3, 8, 16, 64, 200])
  func everyRank(_ name: TableName, _ rank: Int) throws {
    // 65: the work on A is cut after 64 rows, and a row left over reads other forms of the input.
    for tokens in [1, 2, 5, 65] {
      let model = try Model(.f32, tokens: tokens)
      for type in [.f32, .f16, .bf16, .q8_0, .q4_0] as [TensorType] {
        let runs = [DeltaRun(first: 0, count: tokens, deltas: try Self.simple(rank: rank, type, seed: 100))]
        let outputs = model.run(name, threads: 2, tokens: tokens, runs)
        // Float factors leave nothing but float32 rounding: check those closely.
        if type.block.weights == 1 {
          for i in 0..<3 {
            let (values, sizes) = model.exact(i, token: tokens - 1, runs[0].deltas?.sites[i])
            for row in values.indices {
              let error = abs(Double(outputs[i][tokens - 1, row]) - values[row])
              #expect(error <= 64 * 0x1p-24 * sizes[row] + 1e-6, "\(type.name), \(tokens) tokens")
            }
          }
        }
        Self.expectNear(model, outputs, runs, "\(type.name) rank \(rank), \(tokens) tokens")
      }
    }
  }

  /// Runs of every kind side by side: base rows, one adapter, a stack, gains, biases, another matrix.
  static func mixed(_ type: TensorType, tokens: Int, replacing: Bool) throws -> [DeltaRun] {
    let one = try simple(rank: 8, seed: 200)
    let stack = try set { site, outputs in
      LowRankDelta(segments: [
        try segment(rank: 16, outputs: outputs, .f16, scale: 0.8, seed: 300),
        try segment(rank: 3, outputs: outputs, .f32, scale: -0.25, seed: 310),
        try segment(rank: 32, outputs: outputs, .q8_0, scale: 2, seed: 320),
      ])
    }
    let gains = try set { site, outputs in
      // Sites that an adapter does not touch stand beside those that it does.
      site == 1
        ? nil
        : LowRankDelta(
          segments: [
            try segment(rank: 4, outputs: outputs, seed: 400, gain: true),
            try segment(rank: 5, outputs: outputs, .bf16, seed: 410),
          ], gain: Inputs.normal(rows: 1, columns: outputs, seed: 420),
          bias: Inputs.normal(rows: 1, columns: outputs, seed: 430))
    }
    let other = try set { site, outputs in
      LowRankDelta(
        segments: [try segment(rank: 2, outputs: outputs, seed: 500)],
        bias: Inputs.normal(rows: 1, columns: outputs, seed: 510),
        replacement: site == 2
          ? nil : try RandomWeights.matrix(type, rows: outputs, columns: Model.columns, seed: 520))
    }
    let replaced = replacing ? other : one
    let order: [DeltaSet?] = [nil, replaced, nil, replaced, stack, gains, replacing ? other : nil, one, nil]
    // One row each, but three of the stack and the rest at the end.
    var runs: [DeltaRun] = []
    var first = 0
    for (i, deltas) in order.enumerated() where first < tokens {
      let count = i == 4 ? min(3, tokens - first) : i == order.count - 1 ? tokens - first : 1
      runs.append(DeltaRun(first: first, count: count, deltas: deltas))
      first += count
    }
    return runs
  }

  static let types: [TensorType] = [.f32, .f16, .q4_0, .q8_0, .q4_K, .q6_K, .iq4_xs, .iq3_s]

  @Test(arguments: TableName.available, types) func mixedBatches(_ name: TableName, _ type: TensorType) throws
  {
    for tokens in [1, 2, 3, 4, 12, 30] {
      let model = try Model(type, tokens: tokens)
      for replacing in [false, true] {
        let plain = try Self.mixed(type, tokens: tokens, replacing: replacing)
        for runs in model.forms(of: plain, name) {
          let outputs = model.run(name, threads: 2, tokens: tokens, runs)
          Self.expectNear(model, outputs, runs, "\(tokens) tokens, replacing \(replacing)")
        }
      }
    }
  }

  @Test(arguments: TableName.available, types)
  func threadsDoNotChangeABit(_ name: TableName, _ type: TensorType) throws {
    for tokens in [1, 12, 70] {
      let model = try Model(type, tokens: tokens)
      for runs in model.forms(of: try Self.mixed(type, tokens: tokens, replacing: true), name) {
        let alone = model.run(name, threads: 1, tokens: tokens, runs)
        for threads in [2, 3, 8] {
          let outputs = model.run(name, threads: threads, tokens: tokens, runs)
          for i in 0..<3 {
            let same = Inputs.bits(outputs[i], rows: 0..<tokens) == Inputs.bits(alone[i], rows: 0..<tokens)
            #expect(same, "\(tokens) tokens on \(threads) threads, matrix \(i)")
          }
        }
      }
    }
  }

  /// Whatever its neighbours use, a row without an adapter gets the bits that it gets in a batch without adapters.
  @Test(arguments: TableName.available, types)
  func baseRowsKeepTheirBits(_ name: TableName, _ type: TensorType) throws {
    for tokens in [2, 3, 12, 30] {
      let model = try Model(type, tokens: tokens)
      let base = model.run(name, threads: 2, tokens: tokens, [])
      let nothing = model.run(
        name, threads: 2, tokens: tokens, [DeltaRun(first: 0, count: tokens, deltas: nil)])
      for replacing in [false, true] {
        for runs in model.forms(of: try Self.mixed(type, tokens: tokens, replacing: replacing), name) {
          let outputs = model.run(name, threads: 2, tokens: tokens, runs)
          for i in 0..<3 {
            #expect(Inputs.bits(nothing[i], rows: 0..<tokens) == Inputs.bits(base[i], rows: 0..<tokens))
            for run in runs where run.deltas?.sites[i] == nil {
              let rows = run.first..<run.first + run.count
              let same = Inputs.bits(outputs[i], rows: rows) == Inputs.bits(base[i], rows: rows)
              #expect(same, "\(tokens) tokens, rows \(rows) of matrix \(i), replacing \(replacing)")
            }
          }
        }
      }
    }
  }

  /// A stack of segments is the sum of its parts, and a scale multiplies.
  @Test(arguments: TableName.available) func everySegmentCounts(_ name: TableName) throws {
    let model = try Model(.f16, tokens: 6)
    func difference(_ deltas: DeltaSet) -> [Float] {
      let base = model.run(name, threads: 1, tokens: 6, [])
      let found = model.run(name, threads: 1, tokens: 6, [DeltaRun(first: 0, count: 6, deltas: deltas)])
      return (0..<6).flatMap { row in zip(found[0].values(row: row), base[0].values(row: row)).map { $0 - $1 }
      }
    }
    let a = try Self.segment(rank: 7, outputs: 48, seed: 600),
      b = try Self.segment(rank: 9, outputs: 48, seed: 610)
    let doubled = LowRankDelta.Segment(a: a.a, b: a.b, scale: 2 * a.scale)
    func only(_ segments: [LowRankDelta.Segment]) -> DeltaSet {
      DeltaSet(sites: [LowRankDelta(segments: segments), nil, nil])
    }
    let first = difference(only([a])), second = difference(only([b]))
    let largest = try #require((first + second).map(abs).max())
    #expect(largest > 1)
    for (sum, parts) in zip(difference(only([a, b])), zip(first, second)) {
      #expect(abs(sum - parts.0 - parts.1) <= 1e-5 * largest)
    }
    for (twice, once) in zip(difference(only([doubled])), first) {
      #expect(abs(twice - 2 * once) <= 1e-5 * largest)
    }
  }

  /// A workspace keeps no adapter alive after the region that used it.
  @Test func adaptersAreLetGo() throws {
    let model = try Model(.f32, tokens: 2)
    let workspace = Workspace(
      compute: Compute(table: .portable, threads: 2), tokens: 2, columns: Model.columns, heads: 1, headSize: 8
    )
    let output = Matrix(rows: 2, columns: Model.outputs[0])
    weak var weakly: DeltaSet?
    do {
      let deltas = try Self.simple(rank: 2, seed: 1)
      weakly = deltas
      workspace.linear(
        model.x, tokens: 2, runs: [DeltaRun(first: 0, count: 2, deltas: deltas)],
        LinearOperand(weight: model.weights[0], bias: nil, site: 0), into: output)
      #expect(weakly != nil)
    }
    #expect(weakly == nil)
  }

  /// A rank above the number of inputs is unusual, not wrong.
  @Test(arguments: TableName.available) func ranksAboveTheColumns(_ name: TableName) throws {
    let rank = 3000, columns = 32, outputs = 40
    var random = SplitMix64(seed: 1)
    let compute = Compute(table: name.table, threads: 2)
    let weight = try RandomWeights.matrix(.f32, rows: outputs, columns: columns, seed: 1)
    for type in [.f32, .q8_0] as [TensorType] {
      let rank = type == .q8_0 ? rank / 32 * 32 : rank
      let b = try RandomWeights.matrix(type, rows: outputs, columns: rank, seed: 2)
      // Each row of A picks one input: h is exact, and so is what B should get.
      var a = [Float](repeating: 0, count: rank * columns)
      for k in 0..<rank { a[k * columns + k % columns] = 1 }
      let delta = LowRankDelta(segments: [
        .init(a: WeightMatrix(rows: rank, columns: columns, a), b: b, scale: 1)
      ])
      for tokens in [1, 3] {
        let x = Matrix(rows: tokens, columns: columns, random.normals(tokens * columns))
        let workspace = Workspace(compute: compute, tokens: tokens, columns: columns, heads: 1, headSize: 8)
        let output = Matrix(rows: tokens, columns: outputs)
        workspace.linear(
          x, tokens: tokens, runs: [DeltaRun(first: 0, count: tokens, deltas: DeltaSet(sites: [delta]))],
          LinearOperand(weight: weight, bias: nil, site: 0), into: output)
        let w = weight.dequantized(), bs = b.dequantized()
        for token in 0..<tokens {
          for row in 0..<outputs {
            var sum = 0.0, size = 0.0
            for c in 0..<columns { sum += Double(w[row * columns + c]) * Double(x[token, c]) }
            for k in 0..<rank {
              let product = Double(bs[row * rank + k]) * Double(x[token, k % columns])
              sum += product
              size += abs(product)
            }
            let error = abs(Double(output[token, row]) - sum)
            #expect(error <= 1e-5 * (size + 100), "\(type.name) \(tokens)")
          }
        }
      }
    }
  }

  @Test(arguments: TableName.available, [.f32, .q8_0, .q4_K] as [TensorType])
  func embedding(_ name: TableName, _ type: TensorType) throws {
    let size = 256, count = 10
    let workspace = Workspace(
      compute: Compute(table: name.table, threads: 1), tokens: 2, columns: size, heads: 1, headSize: 8)
    let table = try RandomWeights.matrix(type, rows: count, columns: size, seed: 1)
    let other = try RandomWeights.matrix(.f16, rows: count, columns: size, seed: 2)
    let values = table.dequantized(), others = other.dequantized()
    for rank in [1, 8, 33] {
      let a = try RandomWeights.matrix(.f16, rows: count, columns: rank, seed: 3)
      let b = try RandomWeights.matrix(.f32, rows: size, columns: rank, seed: 4)
      let segment = LowRankDelta.Segment(a: a, b: b, scale: 0.75)
      let plain = Matrix(rows: 2, columns: size), changed = Matrix(rows: 2, columns: size)
      let replaced = Matrix(rows: 2, columns: size)
      for token in 0..<count {
        workspace.embed(table, token: token, delta: nil, into: plain, row: 1)
        #expect(plain.values(row: 1) == Array(values[token * size..<(token + 1) * size]))
        workspace.embed(table, token: token, delta: LowRankDelta(segments: [segment]), into: changed, row: 1)
        workspace.embed(
          table, token: token, delta: LowRankDelta(segments: [], replacement: other), into: replaced, row: 0)
        #expect(replaced.values(row: 0) == Array(others[token * size..<(token + 1) * size]))
        let aValues = a.dequantized(), bValues = b.dequantized()
        for i in 0..<size {
          var exact = Double(values[token * size + i])
          for k in 0..<rank {
            exact += 0.75 * Double(aValues[token * rank + k]) * Double(bValues[i * rank + k])
          }
          #expect(abs(Double(changed[1, i]) - exact) < 1e-4)
        }
      }
    }
  }
}
