import GGUF
import Testing
import TestSupport

import Kernels

#if arch(x86_64)
  /// Factors in 8 bits: what is rounded, and that nothing else is lost.
  @Suite(.enabled(if: Processor.hasX86V3)) struct PackedPairTests {
    /// An error of half a step of what shares a scale, and of the scale's own rounding.
    private func expectRounded(
      _ found: [Float], _ exact: [Float], columns: Int, sharing: Int, _ what: String
    ) {
      #expect(found.count == exact.count)
      for row in 0..<exact.count / columns {
        for first in stride(from: 0, to: columns, by: sharing) {
          let range = row * columns + first..<row * columns + min(columns, first + sharing)
          let largest = exact[range].map(abs).max() ?? 0
          for i in range where !(abs(found[i] - exact[i]) <= largest * (1.01 / 254)) {
            Issue.record("\(what): [\(row), \(i - row * columns)] is \(found[i]), not \(exact[i])")
            return
          }
        }
      }
    }

    @Test(arguments: [1, 2, 3, 8, 16, 31, 32, 33, 64, 200])
    func roundsByHalfAStep(_ rank: Int) throws {
      for type in [.f32, .f16, .bf16, .q4_0] as [TensorType] {
        for outputs in [1, 15, 16, 17, 40] {
          let bType: TensorType = rank % type.block.weights == 0 ? type : .f16
          let a = try RandomWeights.matrix(type, rows: rank, columns: 96, seed: 1)
          let b = try RandomWeights.matrix(bType, rows: outputs, columns: rank, seed: 2)
          let (foundA, foundB) = PackedPair(a: a, b: b).unpacked()
          expectRounded(foundA, a.dequantized(), columns: 96, sharing: 64, "A, \(type.name)")
          expectRounded(
            foundB, b.dequantized(), columns: rank, sharing: 32, "B, \(bType.name), \(outputs) rows")
        }
      }
    }

    /// What has 8 bits with the same scales keeps every bit.
    @Test func q8IsKept() throws {
      let a = try RandomWeights.matrix(.q8_0, rows: 64, columns: 128, seed: 3)
      let b = try RandomWeights.matrix(.q8_0, rows: 33, columns: 64, seed: 4)
      let packed = PackedPair(a: a, b: b)
      #expect(packed.unpacked().a == a.dequantized())
      expectRounded(packed.unpacked().b, b.dequantized(), columns: 64, sharing: 32, "B")
      // A is not copied.
      #expect(packed.byteCount < 33 * 64 * 2)
    }

    /// Half-precision scales would lose what is small, or be infinite.
    @Test(arguments: [0, 1e-38, 1e-30, 1e-12, 1e-6, 1, 1e9, 1e30] as [Float])
    func anyMagnitude(_ size: Float) throws {
      var random = SplitMix64(seed: 5)
      let values = (0..<16 * 64).map { _ in Float(random.normal()) * size }
      let small = (0..<32 * 16).map { _ in Float(random.normal()) * size }
      let packed = PackedPair(
        a: WeightMatrix(rows: 16, columns: 64, values), b: WeightMatrix(rows: 32, columns: 16, small))
      let (a, b) = packed.unpacked()
      #expect(a.allSatisfy(\.isFinite) && b.allSatisfy(\.isFinite))
      // Below what a float's inverse can hold nothing is left: products of them are no numbers either.
      if size >= 1e-30 {
        expectRounded(a, values, columns: 64, sharing: 64, "A")
        expectRounded(b, small, columns: 16, sharing: 32, "B")
      }
    }

    /// Rows of very different sizes keep their own scales.
    @Test func rowsOfDifferentSizes() throws {
      let values: [Float] = (0..<32 * 16).map { index in
        let size: Float = index / 16 % 2 == 0 ? 1 : 1e-6
        return size * Float(index % 16 - 8)
      }
      let packed = PackedPair(
        a: try RandomWeights.matrix(.f32, rows: 16, columns: 32, seed: 6),
        b: WeightMatrix(rows: 32, columns: 16, values))
      expectRounded(packed.unpacked().b, values, columns: 16, sharing: 32, "B")
    }

    /// `A·x` and `B·h` of the packed factors, against the same in double precision: what is rounded on the way is less than
    /// what activations lose.
    @Test(arguments: TableName.available, [TensorType.q4_0, .q8_0, .q4_K, .q6_K])
    func kernelsMultiplyWhatIsPacked(_ name: TableName, _ type: TensorType) throws {
      guard name.isFast else {
        let weight = try RandomWeights.matrix(type, rows: 16, columns: 512, seed: 9)
        #expect(!Compute(table: name.table, threads: 1).packsFactors(beside: weight))
        return
      }
      // Rows that end with a block which shares its scale with none.
      let columns = type.block.weights == 32 ? 544 : 512
      for (rank, outputs, aType) in [
        (16, 48, .f16), (16, 48, .q8_0), (5, 20, .f32), (40, 33, .f16), (64, 16, .bf16),
      ] as [(Int, Int, TensorType)] {
        for tokens in [1, 3, 8, 9, 50, 130] {
          let a = try RandomWeights.matrix(aType, rows: rank, columns: columns, seed: 7)
          let b = try RandomWeights.matrix(.f16, rows: outputs, columns: rank, seed: 8)
          let weight = try RandomWeights.matrix(type, rows: outputs, columns: columns, seed: 9)
          let x = Inputs.normal(rows: tokens, columns: columns, seed: 10)
          let packed = PackedPair(a: a, b: b)
          func run(_ segments: [LowRankDelta.Segment]) -> Matrix {
            let workspace = Workspace(
              compute: Compute(table: name.table, threads: 2), tokens: tokens, columns: columns, heads: 1,
              headSize: 8)
            let output = Matrix(rows: tokens, columns: outputs)
            let set = DeltaSet(sites: [LowRankDelta(segments: segments)])
            workspace.linear(
              x, tokens: tokens, runs: [DeltaRun(first: 0, count: tokens, deltas: set)],
              LinearOperand(weight: weight, bias: nil, site: 0), into: output)
            return output
          }
          let base = run([]), changed = run([.init(a: a, b: b, scale: 3, packed: packed)])
          let (aValues, bValues) = packed.unpacked()
          // Few tokens are read in 16 bits; more by half a step of 64 values, of 4096 products at once.
          var largest = 0.0, error = 0.0
          for token in 0..<tokens {
            var h = [Double](repeating: 0, count: rank)
            for k in 0..<rank {
              for i in 0..<columns { h[k] += Double(aValues[k * columns + i]) * Double(x[token, i]) }
            }
            for row in 0..<outputs {
              var exact = 0.0
              for k in 0..<rank { exact += 3 * Double(bValues[row * rank + k]) * h[k] }
              largest = max(largest, abs(exact))
              error = max(error, abs(Double(changed[token, row]) - Double(base[token, row]) - exact))
            }
          }
          let limit = tokens <= 8 ? 2e-4 : 1e-2
          #expect(
            error < limit * largest, "\(aType.name), rank \(rank), \(tokens) tokens: \(error / largest)")
        }
      }
    }
  }
#endif
