import GGUF

#if arch(x86_64)
  import KernelsX86V3
#endif

/// A pair of low-rank factors in 8-bit integers, as the fast kernels of quantized models read it: A with a scale for each 32
/// columns, B with one for each row (each 32 columns of it). Half the bytes of F16.
///
/// Of normally distributed factors a root mean square of 0.4 to 0.5 % is rounded away (computed); of 8-bit activations, which the
/// same kernels read, about as much.
package final class PackedPair: Sendable {
  /// Q8_0, `rank × inputs`; the pair's own A if it is that already.
  let a: WeightMatrix
  /// Everything that `a` has to be multiplied with: its largest weight is brought near 1, where half-precision scales are exact.
  let aFactor: Float
  private let panels: AlignedMemory
  private let scaleOffset: Int
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
      let isShared = a.type == .q8_0
      let b = Self.readable(b)
      let count = (b.rows + 15) / 16
      let codeBytes = FactorPanel.codeBytes(rank: rank), scaleCount = FactorPanel.scaleCount(rank: rank)
      scaleOffset = (count * codeBytes + 63) & ~63
      panels = AlignedMemory(byteCount: scaleOffset + 4 * count * scaleCount)
      byteCount = panels.byteCount + (isShared ? 0 : self.a.byteCount)
      let codes = panels.base.bindMemory(to: Int8.self, capacity: scaleOffset)
      let scales = (panels.base + scaleOffset).bindMemory(to: Float.self, capacity: count * scaleCount)
      for panel in 0..<count {
        let tile = WeightTile(b, first: 16 * panel, rows: min(16, b.rows - 16 * panel))
        packFactorPanel(
          type: tile.type.rawValue, weights: tile.base, rowBytes: tile.rowBytes, rows: tile.rows, rank: rank,
          codes: codes + panel * codeBytes, scales: scales + panel * scaleCount)
      }
    #else
      preconditionFailure("no kernels read packed factors")
    #endif
  }

  /// Bytes of its own memory.
  package let byteCount: Int

  var b: FactorPanels {
    FactorPanels(
      codes: UnsafePointer(panels.base.assumingMemoryBound(to: Int8.self)),
      scales: UnsafePointer((panels.base + scaleOffset).assumingMemoryBound(to: Float.self)), rank: rank)
  }

  /// The factors that are left of the pair's, row-major: what kernels compute with.
  package func unpacked() -> (a: [Float], b: [Float]) {
    let pairs = (rank + 1) / 2, blocks = (rank + 31) / 32
    let b = b
    let values = (0..<outputs * rank).map { index in
      let (row, k) = index.quotientAndRemainder(dividingBy: rank)
      let code = b.codes[(row / 16 * pairs + k / 2) * 32 + row % 16 * 2 + k % 2]
      return Float(code) * b.scales[(row / 16 * blocks + k / 32) * 16 + row % 16]
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
      let type = a.type.rawValue
      let largest = largestMagnitude(
        type: type, weights: a.base, rowBytes: a.rowBytes, rows: a.rows, columns: a.columns)
      let exponent = largest > 0 ? min(100, max(-100, 6 - Int(largest.exponent))) : 0
      let factor = Float(sign: .plus, exponent: exponent, significand: 1)
      let rowBytes = a.columns / 32 * 34
      let memory = AlignedMemory(byteCount: a.rows * rowBytes)
      packFactorRows(
        type: type, weights: a.base, rowBytes: a.rowBytes, rows: a.rows, columns: a.columns, factor: factor,
        into: memory.base)
      return (
        WeightMatrix(
          type: .q8_0, rows: a.rows, columns: a.columns, base: UnsafeRawPointer(memory.base),
          rowBytes: rowBytes, owner: memory), 1 / factor
      )
    }
  #endif
}

extension Compute {
  /// Are factors beside a matrix packed?
  package func packsFactors(beside weight: WeightMatrix) -> Bool {
    weight.columns % 32 == 0 && table.factors?.packs(weight.type) == true
  }
}
