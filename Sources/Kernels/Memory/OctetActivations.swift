/// Rows of 8-bit activations with a scale for eight columns each, as `quantizeOctets` fills them.
final class OctetRows {
  private let memory: AlignedMemory
  let view: OctetView

  init(tokens: Int, columns: Int) {
    let blocks = tokens * Self.blocks(columns)
    memory = AlignedMemory(byteCount: blocks * (256 + 128 + 64 + 16 + 4) + 256)
    let scales = (memory.base + 256 * blocks).assumingMemoryBound(to: Float.self)
    let integerSums = UnsafeMutableRawPointer(scales + 48 * blocks).assumingMemoryBound(to: Int16.self)
    view = OctetView(
      codes: memory.base.assumingMemoryBound(to: Int8.self), scales: scales, sums16: scales + 32 * blocks,
      integerSums: integerSums,
      integerSumScales: UnsafeMutableRawPointer(integerSums + 8 * blocks).assumingMemoryBound(to: Float.self))
  }

  /// Blocks of 256 columns in a row.
  fileprivate static func blocks(_ columns: Int) -> Int { (columns + 255) / 256 }
}

/// Codes `[token][columns]`, scales `[token][columns / 64][8]`, sums `[token][columns / 16]`, integer sums
/// `[token][columns / 32]` and their scales `[token][columns / 256]`, for a multiple of 256 columns.
struct OctetView {
  let codes: UnsafeMutablePointer<Int8>
  let scales: UnsafeMutablePointer<Float>
  let sums16: UnsafeMutablePointer<Float>
  let integerSums: UnsafeMutablePointer<Int16>
  let integerSumScales: UnsafeMutablePointer<Float>

  func advanced(tokens: Int, columns: Int) -> OctetView {
    let blocks = tokens * OctetRows.blocks(columns)
    return OctetView(
      codes: codes + 256 * blocks, scales: scales + 32 * blocks, sums16: sums16 + 16 * blocks,
      integerSums: integerSums + 8 * blocks, integerSumScales: integerSumScales + blocks)
  }
}
