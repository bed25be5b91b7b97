import GGUF

/// A weight matrix as it lies in a file, `rows` × `columns` in a block format; row `r` yields output `r`.
///
/// ggml writes the same shape as `[columns, rows]`. The bytes are viewed, not copied; `owner` keeps them alive.
package struct WeightMatrix: @unchecked Sendable {
  // @unchecked: the bytes are never written after this view is made.
  package let type: TensorType
  package let rows: Int
  package let columns: Int
  let base: UnsafeRawPointer
  let rowBytes: Int
  private let owner: AnyObject

  /// - Parameter owner: keeps the bytes alive; the view holds on to it.
  /// - Throws: `unsupportedType`, `rowNotBlockMultiple`.
  package init(
    _ bytes: UnsafeRawBufferPointer, owner: AnyObject, type: TensorType, rows: Int, columns: Int
  ) throws(KernelError) {
    let block = type.block
    guard BlockFormats.isSupported(type) else { throw .unsupportedType(type.name) }
    guard rows > 0, columns > 0, columns % block.weights == 0 else {
      throw .rowNotBlockMultiple(type: type.name, columns: columns, block: block.weights)
    }
    self.type = type
    self.rows = rows
    self.columns = columns
    rowBytes = columns / block.weights * block.bytes
    self.owner = owner
    guard let start = bytes.baseAddress, bytes.count >= rows * rowBytes else {
      preconditionFailure("a weight matrix outside of its bytes")
    }
    base = start
  }

  /// Float32 weights of our own, row-major.
  package init(rows: Int, columns: Int, _ values: [Float]) {
    precondition(values.count == rows * columns)
    let memory = AlignedMemory(byteCount: values.count * 4)
    values.withUnsafeBytes {
      memory.base.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory.base), byteCount: $0.count)
    }
    type = .f32
    self.rows = rows
    self.columns = columns
    base = UnsafeRawPointer(memory.base)
    rowBytes = columns * 4
    owner = memory
  }

  init(
    type: TensorType, rows: Int, columns: Int, base: UnsafeRawPointer, rowBytes: Int, owner: AnyObject
  ) {
    self.type = type
    self.rows = rows
    self.columns = columns
    self.base = base
    self.rowBytes = rowBytes
    self.owner = owner
  }

  /// Rows `range` as a matrix of their own: one expert of a stack, one part of a fused projection.
  package func slice(rows range: Range<Int>) -> WeightMatrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows)
    return WeightMatrix(
      type: type, rows: range.count, columns: columns, base: base + range.lowerBound * rowBytes,
      rowBytes: rowBytes,
      owner: owner)
  }

  package var byteCount: Int { rows * rowBytes }

  /// The mapped files that it is a view of; nil: it is memory.
  package var mapping: (any FileMapping)? { owner as? any FileMapping }

  /// Row `row` as float32, exactly.
  package func dequantizeRow(_ row: Int, into target: UnsafeMutablePointer<Float>) {
    precondition(row >= 0 && row < rows)
    BlockFormats.dequantizeKnown(type, base + row * rowBytes, count: columns, into: target)
  }

  /// The whole matrix as float32, row-major.
  package func dequantized() -> [Float] {
    [Float](unsafeUninitializedCapacity: rows * columns) { buffer, count in
      if let target = buffer.baseAddress {
        for row in 0..<rows { dequantizeRow(row, into: target + row * columns) }
      }
      count = rows * columns
    }
  }

  /// Is every weight a finite number?
  ///
  /// Complexity: one pass over the bytes; the float types are tested by their exponent bits, at memory speed.
  package func isFinite() -> Bool {
    switch type {
    case .f32: return hasNoFullExponent(as: UInt32.self, mask: 0x7F80_0000)
    case .f16: return hasNoFullExponent(as: UInt16.self, mask: 0x7C00)
    case .bf16: return hasNoFullExponent(as: UInt16.self, mask: 0x7F80)
    default:
      let line = AlignedMemory(byteCount: columns * 4)
      let floats = line.base.bindMemory(to: Float.self, capacity: columns)
      for row in 0..<rows {
        dequantizeRow(row, into: floats)
        for i in 0..<columns where !floats[i].isFinite { return false }
      }
      return true
    }
  }

  private func hasNoFullExponent<Word: FixedWidthInteger>(as word: Word.Type, mask: Word) -> Bool {
    let size = MemoryLayout<Word>.size
    for row in 0..<rows {
      let line = base + row * rowBytes
      var found: Word = 0
      for i in 0..<columns {
        let exponent = line.loadUnaligned(fromByteOffset: i * size, as: Word.self) & mask
        found |= exponent == mask ? 1 : 0
      }
      if found != 0 { return false }
    }
    return true
  }
}
