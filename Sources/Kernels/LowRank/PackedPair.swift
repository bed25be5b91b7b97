import GGUF

#if arch(x86_64)
  import KernelsX86V3
#endif

/// A pair of low-rank factors in 8-bit integers, as the fast kernels of quantized models read it: A with a scale for each 64
/// columns, B with one for each row (each 32 columns of it). Half the bytes of F16.
///
/// Of normally distributed factors a root mean square of 0.5 to 0.6 % is rounded away (computed); of 8-bit activations, which the
/// same kernels read, about as much.
package final class PackedPair: Sendable {
  /// Q8_0, `rank × inputs`; the pair's own A if it is that already.
  let a: WeightMatrix
  /// Does each two blocks of `a` share a scale? Not those of a file.
  let sharesScales: Bool
  /// What `a` and the panels have to be multiplied with: half-precision scales are exact for weights of a certain size only.
  let aFactor: Float
  let bFactor: Float
  private let panels: AlignedMemory
  private let panelBytes: Int
  private let rank: Int
  private let outputs: Int

  /// - Parameters:
  ///   - a: `rank × inputs`, a multiple of 32.
  ///   - b: `outputs × rank`
  /// - Complexity: O(weights), one thread.
  package init(a: WeightMatrix, b: WeightMatrix) {
    precondition(a.rows == b.columns && a.columns % 32 == 0)
    rank = a.rows
    outputs = b.rows
    #if arch(x86_64)
      (self.a, aFactor) = Self.packed(a)
      sharesScales = a.type != .q8_0
      let b = Self.readable(b)
      let factor = Self.normalizing(b, exponent: 20)
      bFactor = 1 / factor
      let count = (b.rows + 15) / 16
      panelBytes = FactorPanel.byteCount(rank: rank)
      panels = AlignedMemory(byteCount: count * panelBytes)
      byteCount = panels.byteCount + (sharesScales ? self.a.byteCount : 0)
      for panel in 0..<count {
        let tile = WeightTile(b, first: 16 * panel, rows: min(16, b.rows - 16 * panel))
        packFactorPanel(
          type: tile.type.rawValue, weights: tile.base, rowBytes: tile.rowBytes, rows: tile.rows, rank: rank,
          factor: factor, into: panels.base + panel * panelBytes)
      }
    #else
      preconditionFailure("no kernels read packed factors")
    #endif
  }

  /// Bytes of its own memory.
  package let byteCount: Int

  var b: FactorPanels {
    FactorPanels(base: UnsafeRawPointer(panels.base), rank: rank, panelBytes: panelBytes)
  }

  /// The factors that are left of the pair's, row-major: what kernels compute with.
  package func unpacked() -> (a: [Float], b: [Float]) {
    let b = b, codeOffset = (rank + 31) / 32 * 32
    let values = (0..<outputs * rank).map { index in
      let (row, k) = index.quotientAndRemainder(dividingBy: rank)
      let panel = b.panel(row: row)
      let code = panel.load(fromByteOffset: codeOffset + k / 2 * 32 + row % 16 * 2 + k % 2, as: Int8.self)
      let scale = panel.load(fromByteOffset: k / 32 * 32 + row % 16 * 2, as: Float16.self)
      return Float(code) * Float(scale) * bFactor
    }
    return (a.dequantized().map { $0 * aFactor }, values)
  }

  #if arch(x86_64)
    /// In a type that there are kernels for.
    private static func readable(_ matrix: WeightMatrix) -> WeightMatrix {
      if multipliesLowRank(type: matrix.type.rawValue) { return matrix }
      return WeightMatrix(rows: matrix.rows, columns: matrix.columns, matrix.dequantized())
    }

    private static func packed(_ a: WeightMatrix) -> (WeightMatrix, Float) {
      if a.type == .q8_0 { return (a, 1) }
      let a = readable(a)
      let factor = normalizing(a, exponent: 6)
      let rowBytes = a.columns / 32 * 34
      let memory = AlignedMemory(byteCount: a.rows * rowBytes)
      packFactorRows(
        type: a.type.rawValue, weights: a.base, rowBytes: a.rowBytes, rows: a.rows, columns: a.columns,
        factor: factor, into: memory.base)
      return (
        WeightMatrix(
          type: .q8_0, rows: a.rows, columns: a.columns, base: UnsafeRawPointer(memory.base),
          rowBytes: rowBytes, owner: memory), 1 / factor
      )
    }

    /// A power of two that brings the largest weight near another one. Rows of B, whose sizes may differ, need most of what
    /// half-precision has room for.
    private static func normalizing(_ matrix: WeightMatrix, exponent: Int) -> Float {
      let largest = largestMagnitude(
        type: matrix.type.rawValue, weights: matrix.base, rowBytes: matrix.rowBytes, rows: matrix.rows,
        columns: matrix.columns)
      let power = largest > 0 ? min(100, max(-100, exponent - Int(largest.exponent))) : 0
      return Float(sign: .plus, exponent: power, significand: 1)
    }
  #endif
}

extension Compute {
  /// Are factors beside a matrix packed?
  package func packsFactors(beside weight: WeightMatrix) -> Bool {
    weight.columns % 32 == 0 && table.factors?.packs(weight.type) == true
  }
}
