/// Rows of 8-bit activations with a scale for eight columns each, as `quantizeOctets` fills them.
final class OctetRows {
  private let memory: AlignedMemory
  let view: OctetView

  init(tokens: Int, columns: Int) {
    let blocks = tokens * Self.blocks(columns)
    memory = AlignedMemory(byteCount: blocks * (64 + 32 + 8 + 16 + 4 + 4) + 256)
    let scales = (memory.base + 64 * blocks).assumingMemoryBound(to: Float.self)
    let integerSums = UnsafeMutableRawPointer(scales + 14 * blocks).assumingMemoryBound(to: Int16.self)
    view = OctetView(
      codes: memory.base.assumingMemoryBound(to: Int8.self), scales: scales, sums32: scales + 8 * blocks,
      sums16: scales + 10 * blocks, integerSums: integerSums,
      integerSumScales: UnsafeMutableRawPointer(integerSums + 2 * blocks).assumingMemoryBound(to: Float.self))
  }

  /// Blocks of 64 columns in a row.
  fileprivate static func blocks(_ columns: Int) -> Int { (columns + 63) / 64 }
}

/// Codes `[token][columns]`, scales `[token][columns / 64][8]`, sums `[token][columns / 32]` and `[token][columns / 16]`,
/// integer sums `[token][columns / 32]` and their scales `[token][columns / 256]`; each row begins at a multiple of 64
/// columns.
struct OctetView {
  let codes: UnsafeMutablePointer<Int8>
  let scales: UnsafeMutablePointer<Float>
  let sums32: UnsafeMutablePointer<Float>
  let sums16: UnsafeMutablePointer<Float>
  let integerSums: UnsafeMutablePointer<Int16>
  let integerSumScales: UnsafeMutablePointer<Float>

  func advanced(tokens: Int, columns: Int) -> OctetView {
    let blocks = tokens * OctetRows.blocks(columns)
    return OctetView(
      codes: codes + 64 * blocks, scales: scales + 8 * blocks, sums32: sums32 + 2 * blocks,
      sums16: sums16 + 4 * blocks, integerSums: integerSums + 2 * blocks,
      integerSumScales: integerSumScales + blocks)
  }
}
