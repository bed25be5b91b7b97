import Foundation
import Testing
import TestSupport

import Kernels

/// The row-wise operations against double precision.
@Suite struct ElementwiseTests {
  static let widths = [1, 7, 8, 9, 15, 16, 31, 33, 64, 100, 577, 4096]

  private static func workspace(_ name: TableName, threads: Int = 2, headSize: Int = 8) -> Workspace {
    Workspace(
      compute: Compute(table: name.table, threads: threads), tokens: 8, columns: 32, heads: 1,
      headSize: headSize)
  }

  @Test(arguments: TableName.available, widths) func rmsNorm(_ name: TableName, _ width: Int) {
    let workspace = Self.workspace(name)
    for size in [1e-12, 1e-3, 1, 1e12] as [Float] {
      let x = Inputs.normal(rows: 6, columns: width, seed: 1, deviation: size)
      let weight = Inputs.normal(rows: 1, columns: width, seed: 2)
      let y = Matrix(rows: 6, columns: width)
      Inputs.fill(y, 9)
      workspace.rmsNorm(x, weight, epsilon: 1e-5, into: y, rows: 1..<6)
      #expect(y.values(row: 0) == [Float](repeating: 9, count: width))
      for row in 1..<6 {
        let line = x.values(row: row).map(Double.init)
        let factor = 1 / (line.reduce(0) { $0 + $1 * $1 } / Double(width) + 1e-5).squareRoot()
        for i in 0..<width {
          let exact = line[i] * factor * Double(weight[0, i])
          // Half the relative error of a sum of squares, then four roundings.
          #expect(abs(Double(y[row, i]) - exact) <= Double(width / 16 + 12) * 0x1p-24 * abs(exact) + 1e-30)
        }
      }
    }
  }

  @Test(arguments: TableName.available) func rmsNormOfZerosIsZero(_ name: TableName) {
    let zeros = Matrix(rows: 1, columns: 40, [Float](repeating: 0, count: 40)),
      y = Matrix(rows: 1, columns: 40)
    Self.workspace(name).rmsNorm(
      zeros, Inputs.normal(rows: 1, columns: 40, seed: 1), epsilon: 1e-6, into: y, rows: 0..<1)
    let isZero = y.values(row: 0).allSatisfy { $0 == 0 }
    #expect(isZero)
  }

  @Test(arguments: TableName.available, [8, 20, 128]) func rmsNormOfHeads(_ name: TableName, _ headSize: Int)
  {
    let heads = 3
    let x = Inputs.normal(rows: 2, columns: heads * headSize, seed: 3)
    let before = x.values(row: 1).map(Double.init), other = x.values(row: 0)
    let weight = Inputs.normal(rows: 1, columns: headSize, seed: 4)
    Self.workspace(name).rmsNormHeads(x, row: 1, heads: heads, headSize: headSize, weight, epsilon: 1e-6)
    #expect(x.values(row: 0) == other)
    for head in 0..<heads {
      let line = before[head * headSize..<(head + 1) * headSize]
      let factor = 1 / (line.reduce(0) { $0 + $1 * $1 } / Double(headSize) + 1e-6).squareRoot()
      for i in 0..<headSize {
        let exact = before[head * headSize + i] * factor * Double(weight[0, i])
        #expect(abs(Double(x[1, head * headSize + i]) - exact) <= 1e-6 * abs(exact) + 1e-12)
      }
    }
  }

  @Test(arguments: TableName.available, widths) func siluMultiply(_ name: TableName, _ width: Int) {
    var random = SplitMix64(seed: 5)
    let edges: [Float] = [
      0, -0.0, 1, -1, 20, -20, 80, -80, 88, -88, 100, -100, 1e4, -1e4, 1e20, -1e20, 1e-20, -1e-30,
    ]
    let gates = (0..<5 * width).map { $0 % 3 == 0 ? edges[($0 / 3) % edges.count] : 10 * random.normal() }
    let gate = Matrix(rows: 5, columns: width, gates), up = Inputs.normal(rows: 5, columns: width, seed: 6)
    Self.workspace(name).siluMultiply(gate, up, rows: 5)
    for row in 0..<5 {
      for i in 0..<width {
        let g = Double(gates[row * width + i]), u = Double(up[row, i])
        let exact = g / (1 + exp(-g)) * u
        // e^x to 2 units in the last place and four roundings; where the true result is below e⁻⁸⁰, so is ours.
        #expect(abs(Double(gate[row, i]) - exact) <= 8 * 0x1p-24 * abs(exact) + abs(g * u) * 1e-37)
      }
    }
  }

  @Test(arguments: TableName.available, widths) func add(_ name: TableName, _ width: Int) {
    let x = Inputs.normal(rows: 5, columns: width, seed: 7),
      y = Inputs.normal(rows: 5, columns: width, seed: 8)
    let before = (0..<5).map { y.values(row: $0) }
    Self.workspace(name).add(x, to: y, rows: 4)
    for row in 0..<4 { #expect(y.values(row: row) == zip(before[row], x.values(row: row)).map { $0 + $1 }) }
    #expect(y.values(row: 4) == before[4])
  }

  /// One visible position has weight 1: attention returns what the store holds, exactly.
  private func roundTrip(_ name: TableName, _ values: [Float], areHalves: Bool) -> [Float] {
    let n = values.count
    let workspace = Self.workspace(name, threads: 1, headSize: n)
    let store = KVStore(layers: 1, heads: 1, headSize: n, capacity: 1, areHalves: areHalves)
    let zeros = Matrix(rows: 1, columns: n, [Float](repeating: 0, count: n)),
      output = Matrix(rows: 1, columns: n)
    workspace.append(zeros, Matrix(rows: 1, columns: n, values), row: 0, to: store, layer: 0, position: 0)
    workspace.setSequences(1, heads: 1, first: { _ in 0 }, tokens: { _ in 1 }, store: { _ in store })
    workspace.setVisible(row: 0, first: 0, limit: 1)
    workspace.attend(zeros, into: output, layer: 0, heads: 1, kvHeads: 1, headSize: n, scale: 1)
    return output.values(row: 0)
  }

  @Test(arguments: TableName.available, [1, 7, 8, 9, 40]) func storesRoundToHalves(
    _ name: TableName, _ width: Int
  ) {
    var random = SplitMix64(seed: 9)
    let edges: [Float] = [
      0, 1, 65504, 65519, 65520, 1e9, .infinity, 1 + 0x1p-11, 1 + 3 * 0x1p-11, 0x1p-24, 0x1p-25, 0x1.8p-25,
      0x1p-14,
      0x1.ffcp-15, 1e-30, 2049, 2051,
    ]
    let signed =
      edges + edges.map(-) + (0..<200).map { _ in random.normal() * exp2(Float(random.next() % 40) - 25) }
    for first in stride(from: 0, to: signed.count, by: width) {
      var values = Array(signed[first..<min(first + width, signed.count)])
      values += [Float](repeating: 0, count: width - values.count)
      let found = roundTrip(name, values, areHalves: true)
      #expect(found == values.map { Float(Float16($0)) })
    }
  }

  @Test(arguments: TableName.available) func storesOfFloatsAreExact(_ name: TableName) {
    let values = Inputs.normal(rows: 1, columns: 37, seed: 10).values(row: 0)
    #expect(roundTrip(name, values, areHalves: false) == values)
  }

  @Test(arguments: [true, false]) func copiedPrefixes(_ areHalves: Bool) {
    let n = 24
    let workspace = Self.workspace(.portable, threads: 1, headSize: n)
    let source = KVStore(layers: 3, heads: 2, headSize: n, capacity: 9, areHalves: areHalves)
    let copy = KVStore(layers: 3, heads: 2, headSize: n, capacity: 20, areHalves: areHalves)
    for layer in 0..<3 {
      for position in 0..<9 {
        let rows = Inputs.normal(rows: 2, columns: 2 * n, seed: UInt64(10 * layer + position))
        workspace.append(rows, rows, row: 1, to: source, layer: layer, position: position)
      }
    }
    copy.copyPrefix(of: source, count: 7)
    #expect(source.byteCount(positions: 7) == 2 * 3 * 2 * 7 * n * (areHalves ? 2 : 4))
    let queries = Inputs.normal(rows: 1, columns: 2 * n, seed: 99)
    for layer in 0..<3 {
      let outputs = [source, copy].map { store in
        let output = Matrix(rows: 1, columns: 2 * n)
        workspace.setSequences(1, heads: 1, first: { _ in 0 }, tokens: { _ in 1 }, store: { _ in store })
        workspace.setVisible(row: 0, first: 0, limit: 7)
        workspace.attend(queries, into: output, layer: layer, heads: 2, kvHeads: 2, headSize: n, scale: 1)
        return output.values(row: 0)
      }
      #expect(outputs[0] == outputs[1])
    }
  }

  @Test(arguments: [true, false], [8, 20, 64]) func rotate(_ interleaved: Bool, _ rotated: Int) {
    let heads = 3, headSize = 64, pairs = rotated / 2
    let x = Inputs.normal(rows: 2, columns: heads * headSize, seed: 11)
    let before = x.values(row: 1).map(Double.init), other = x.values(row: 0)
    let angles = (0..<pairs).map { Double($0 + 1) * 0.37 }
    let table = Matrix(
      rows: 2, columns: rotated,
      [Float](repeating: 0, count: rotated) + angles.map { Float(cos($0)) } + angles.map { Float(sin($0)) })
    Self.workspace(.portable).rotate(
      x, row: 1, heads: heads, headSize: headSize, angles: table, interleaved: interleaved)
    #expect(x.values(row: 0) == other)
    for head in 0..<heads {
      var expected = Array(before[head * headSize..<(head + 1) * headSize])
      for i in 0..<pairs {
        let (p, q) = interleaved ? (2 * i, 2 * i + 1) : (i, i + pairs)
        let (a, b) = (expected[p], expected[q])
        expected[p] = a * cos(angles[i]) - b * sin(angles[i])
        expected[q] = a * sin(angles[i]) + b * cos(angles[i])
      }
      for i in 0..<headSize {
        let found = Double(x[1, head * headSize + i])
        #expect(i < rotated ? abs(found - expected[i]) < 3e-6 : found == expected[i])
      }
    }
  }
}
