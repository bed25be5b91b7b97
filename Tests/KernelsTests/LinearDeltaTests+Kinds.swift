import GGUF
import Testing
import TestSupport

import Kernels

/// Every kind of delta that a whole batch has.
extension LinearDeltaTests {
  enum Kind: CaseIterable, Sendable {
    case stack, packed, biased, magnitude, magnitudeAndPlain, magnitudes, gainAlone, rows, manyRanks

    func delta(_ site: Int, _ outputs: Int) throws -> LowRankDelta {
      let seed = UInt64(1000 + 100 * site)
      func vector(_ seed: UInt64) -> Matrix { Inputs.normal(rows: 1, columns: outputs, seed: seed) }
      func segment(
        _ rank: Int, _ type: TensorType, _ scale: Float, _ seed: UInt64, gain: Matrix? = nil
      ) throws -> LowRankDelta.Segment {
        let plain = try LinearDeltaTests.segment(rank: rank, outputs: outputs, type, scale: scale, seed: seed)
        return LowRankDelta.Segment(a: plain.a, b: plain.b, scale: scale, gain: gain)
      }
      let plain = try [
        segment(16, .f16, 0.8, seed), segment(5, .bf16, -0.25, seed + 10), segment(200, .f32, 2, seed + 20),
      ]
      let gain = vector(seed + 30), bias = vector(seed + 40)
      let own = try segment(8, .f16, 0.5, seed + 50, gain: gain)
      switch self {
      case .stack: return LowRankDelta(segments: plain)
      case .packed:
        return LowRankDelta(
          segments: try [segment(32, .q8_0, 0.8, seed), segment(96, .q8_0, 0.3, seed + 10)])
      case .biased: return LowRankDelta(segments: plain, bias: bias)
      case .magnitude: return LowRankDelta(segments: [own], gain: gain)
      case .magnitudeAndPlain:
        return LowRankDelta(segments: [plain[1], own, plain[0]], gain: gain, bias: bias)
      case .magnitudes:
        let others = [own, try segment(3, .f32, 1.5, seed + 60, gain: vector(seed + 70))]
        return LowRankDelta(segments: others + [plain[0]], gain: vector(seed + 80), bias: bias)
      case .gainAlone: return LowRankDelta(segments: [], gain: gain)
      case .rows:
        let indices = [0, 7, outputs - 1]
        return LowRankDelta(
          segments: [plain[0]],
          rows: RowReplacement(
            indices: indices,
            values: Inputs.normal(rows: indices.count, columns: Model.columns, seed: seed + 90)))
      case .manyRanks:
        // More than a worker's memory holds of 16 rows.
        return LowRankDelta(
          segments: try (0..<17).map { try segment(256, .f16, 0.1, seed + UInt64(1000 * $0), gain: gain) },
          gain: gain)
      }
    }
  }

  @Test(arguments: TableName.available, Kind.allCases)
  func aBatchOfOneKind(_ name: TableName, _ kind: Kind) throws {
    let deltas = try Self.set { try kind.delta($0, $1) }
    for type in Self.types {
      // More than 96 tokens are cut.
      for tokens in [1, 2, 8, 9, 31] + (kind == .stack ? [100] : []) {
        let model = try Model(type, tokens: tokens)
        for (deltas, what) in model.forms(of: deltas, name) {
          let runs = [DeltaRun(first: 0, count: tokens, deltas: deltas)]
          let outputs = model.run(name, threads: 2, tokens: tokens, runs)
          Self.expectNear(model, outputs, runs, "\(kind), \(what), \(type.name), \(tokens) tokens")
        }
      }
    }
  }

  /// Tiles that one thread takes together fit its memory, however short a matrix's rows are.
  @Test(arguments: TableName.available) func manyShortRows(_ name: TableName) {
    let outputs = 300_000, columns = 2
    let weight = WeightMatrix(
      rows: outputs, columns: columns, (0..<outputs * columns).map { Float($0 % 7) - 3 })
    let b = (0..<outputs).map { Float($0 % 5) - 2 }
    let gain = Matrix(rows: 1, columns: outputs), x = Matrix(rows: 1, columns: columns)
    for row in 0..<outputs { gain[0, row] = Float(row % 3) }
    (x[0, 0], x[0, 1]) = (2, -1)
    // A gain of the factors' own: they are added up beside the results first.
    let delta = LowRankDelta(segments: [
      .init(
        a: WeightMatrix(rows: 1, columns: columns, [1, 3]), b: WeightMatrix(rows: outputs, columns: 1, b),
        scale: 2,
        gain: gain)
    ])
    let workspace = Workspace(
      compute: Compute(table: name.table, threads: 1), tokens: 1, columns: columns, heads: 1, headSize: 8)
    let y = Matrix(rows: 1, columns: outputs)
    workspace.linear(
      x, tokens: 1, runs: [DeltaRun(first: 0, count: 1, deltas: DeltaSet(sites: [delta]))],
      LinearOperand(weight: weight, bias: nil, site: 0), into: y)
    let wrong = (0..<outputs).count { row in
      let product = 2 * (Float(2 * row % 7) - 3) - (Float((2 * row + 1) % 7) - 3)
      return abs(y[0, row] - (product - 2 * b[row] * Float(row % 3))) > 1e-3
    }
    #expect(wrong == 0)
  }

  /// A kernel that does the delta of a whole batch in one step computes what the steps one by one do. (BLAS, in the
  /// reference, sums in an order that depends on the number of rows.)
  @Test(arguments: TableName.available.filter { $0 != .reference }, Kind.allCases)
  func aRowHasTheSameBitsWhateverItsNeighboursHave(_ name: TableName, _ kind: Kind) throws {
    let deltas = try Self.set { try kind.delta($0, $1) }
    for type in Self.types {
      for tokens in [4, 8, 9, 30] {
        let model = try Model(type, tokens: tokens)
        let half = tokens / 2
        for (deltas, form) in model.forms(of: deltas, name) {
          let alike = model.run(
            name, threads: 2, tokens: tokens, [DeltaRun(first: 0, count: tokens, deltas: deltas)])
          let unlike = model.run(
            name, threads: 2, tokens: tokens,
            [
              DeltaRun(first: 0, count: half, deltas: deltas),
              DeltaRun(first: half, count: tokens - half, deltas: nil),
            ])
          for i in alike.indices {
            let what = "\(kind), \(form), \(type.name), \(tokens) tokens, matrix \(i)"
            #expect(
              Inputs.bits(alike[i], rows: 0..<half) == Inputs.bits(unlike[i], rows: 0..<half), "\(what)")
            #expect(
              Inputs.bits(alike[i], rows: half..<tokens) != Inputs.bits(unlike[i], rows: half..<tokens),
              "\(what)")
          }
        }
      }
    }
  }
}

extension LinearDeltaTests.Model {
  /// The deltas as they are, and where the table packs factors beside these matrices, with packed ones.
  func forms(of deltas: DeltaSet, _ name: TableName) -> [(DeltaSet, String)] {
    let compute = Compute(table: name.table, threads: 1)
    let packs = weights.allSatisfy(compute.packsFactors)
    #expect(packs == (name.isFast && ![.f32, .f16, .iq3_s].contains(weights[0].type)))
    return [(deltas, "as they are")] + (packs ? [(deltas.packed, "packed")] : [])
  }
}

extension LinearDeltaTests.Model {
  /// Runs as they are, and with packed factors where the table has them.
  func forms(of runs: [DeltaRun], _ name: TableName) -> [[DeltaRun]] {
    let packed = runs.map { DeltaRun(first: $0.first, count: $0.count, deltas: $0.deltas?.packed) }
    return weights.allSatisfy(Compute(table: name.table, threads: 1).packsFactors) ? [runs, packed] : [runs]
  }
}

extension DeltaSet {
  /// With every pair packed.
  var packed: DeltaSet {
    DeltaSet(
      sites: sites.map { delta in
        delta.map { delta in
          LowRankDelta(
            segments: delta.segments.map {
              LowRankDelta.Segment(
                a: $0.a, b: $0.b, scale: $0.scale, gain: $0.gain, packed: PackedPair(a: $0.a, b: $0.b))
            }, gain: delta.gain, bias: delta.bias, replacement: delta.replacement, rows: delta.rows)
        }
      })
  }
}
