#if arch(x86_64)
  import KernelsX86V3

  extension TileDelta {
    /// The ending of rows `first ..< first + rows` of the tile, up to 16, in the delta's own memory and `list`'s.
    func ending(
      _ first: Int, _ rows: Int, in list: UnsafeMutableBufferPointer<FactorTerm>
    ) -> TileEnding {
      var free = vectors
      /// 16 values, zeros behind the last row.
      func vector(_ values: UnsafeMutablePointer<Float>?) -> UnsafePointer<Float>? {
        guard let values else { return nil }
        if rows == 16 { return UnsafePointer(values + firstRow + first) }
        let copy = free
        copy.update(from: values + firstRow + first, count: rows)
        (copy + rows).update(repeating: 0, count: 16 - rows)
        free += 16
        return UnsafePointer(copy)
      }
      func term(_ part: LinearPlan.Part, gain: UnsafeMutablePointer<Float>?) -> FactorTerm {
        guard let b = part.pair.panels else { preconditionFailure("a fused tile's factors are packed") }
        return FactorTerm(b, row: firstRow + first, hidden, part.column, gain: vector(gain))
      }
      var count = 0
      for index in range where parts[index].pair.gain == gain {
        list.initializeElement(at: count, to: term(parts[index], gain: nil))
        count += 1
      }
      let inner = count
      for index in range where parts[index].pair.gain != gain {
        list.initializeElement(at: count, to: term(parts[index], gain: parts[index].pair.gain))
        count += 1
      }
      return TileEnding(
        terms: UnsafeBufferPointer(rebasing: list[..<count]), innerCount: inner, gain: vector(gain),
        bias: vector(bias), baseBias: vector(baseBias))
    }
  }

  extension KernelTable {
    /// Calls `body` with the first row, the number of rows and the ending of each 16 rows of a tile.
    @inline(__always)
    static func forEachPanel(_ w: WeightTile, _ delta: TileDelta?, _ body: (Int, Int, TileEnding?) -> Void) {
      withUnsafeTemporaryAllocation(of: FactorTerm.self, capacity: max(1, delta?.range.count ?? 0)) { list in
        for first in stride(from: 0, to: w.rows, by: 16) {
          let rows = min(16, w.rows - first)
          w.beside.fetch(beside: first, rows, of: w.rows)
          body(first, rows, delta?.ending(first, rows, in: list))
        }
      }
    }
  }
#endif
