extension WeightMatrix {
  /// A copy whose row `r` is row `order[r]` of this matrix, in the same format.
  package func gathering(_ order: [Int]) -> WeightMatrix {
    let memory = AlignedMemory(byteCount: order.count * rowBytes)
    for (target, source) in order.enumerated() {
      precondition(source >= 0 && source < rows)
      (memory.base + target * rowBytes).copyMemory(from: base + source * rowBytes, byteCount: rowBytes)
    }
    return WeightMatrix(
      type: type, rows: order.count, columns: columns, base: UnsafeRawPointer(memory.base),
      rowBytes: rowBytes, owner: memory)
  }

  /// A copy whose column `c` is column `order[c]` of this matrix, in the same format, which must be one of plain elements.
  package func gatheringColumns(_ order: [Int]) -> WeightMatrix {
    precondition(type.block.weights == 1 && order.allSatisfy { $0 >= 0 && $0 < columns })
    let size = type.block.bytes
    let memory = AlignedMemory(byteCount: rows * order.count * size)
    for row in 0..<rows {
      for (target, source) in order.enumerated() {
        (memory.base + (row * order.count + target) * size).copyMemory(
          from: base + row * rowBytes + source * size, byteCount: size)
      }
    }
    return WeightMatrix(
      type: type, rows: rows, columns: order.count, base: UnsafeRawPointer(memory.base),
      rowBytes: order.count * size, owner: memory)
  }

  /// A transposed copy in the same format, which must be one of plain elements (F32, F16, BF16).
  package func transposed() -> WeightMatrix {
    precondition(type.block.weights == 1)
    let size = type.block.bytes
    let memory = AlignedMemory(byteCount: rows * columns * size)
    switch size {
    case 2: transpose(UInt16.self, into: memory.base)
    case 4: transpose(UInt32.self, into: memory.base)
    default: preconditionFailure("elements of \(size) bytes")
    }
    return WeightMatrix(
      type: type, rows: columns, columns: rows, base: UnsafeRawPointer(memory.base), rowBytes: rows * size,
      owner: memory)
  }

  /// Some rows at a time: each is read in order, and what is written lies together.
  private func transpose<Element: BitwiseCopyable>(
    _ element: Element.Type, into memory: UnsafeMutableRawPointer
  ) {
    let target = memory.assumingMemoryBound(to: Element.self)
    let size = MemoryLayout<Element>.size
    for first in stride(from: 0, to: rows, by: 16) {
      let last = min(first + 16, rows)
      for column in 0..<columns {
        for row in first..<last {
          target[column * rows + row] = base.loadUnaligned(
            fromByteOffset: row * rowBytes + column * size, as: Element.self)
        }
      }
    }
  }

  /// A float32 copy whose row `r` is multiplied by `factors[r]`.
  package func multiplyingRows(by factors: [Float]) -> WeightMatrix {
    precondition(factors.count == rows)
    var values = dequantized()
    for row in 0..<rows {
      for column in 0..<columns { values[row * columns + column] *= factors[row] }
    }
    return WeightMatrix(rows: rows, columns: columns, values)
  }

  /// Calls `body` with the matrix's bytes.
  package func withBytes<R, E>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeRawBufferPointer(start: base, count: byteCount))
  }

  /// The same matrix, copied if its elements do not lie on multiples of their size: kernels may load them as numbers.
  package func aligned() -> WeightMatrix {
    type.block.weights == 1 && UInt(bitPattern: base) % UInt(type.block.bytes) != 0
      ? gathering(Array(0..<rows)) : self
  }
}
