import GGUF

/// 256 weights in 56 bytes, 16 groups of 16: `w = scale × (1 + 2 s) × (grid point ± ⅛)`, the grid of `IQ1_S`.
/// Layout: `block_iq1_m` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | 32 bytes, one per 8 weights: lower 8 bits of the grid index |
/// | 32 | 16 bytes, a half per 8 weights: upper 3 bits of the grid index, and the sign of ⅛ |
/// | 48 | 4 × 16 bits: 3-bit `s` of four groups; the top halves, first lowest, are the scale, Float16 |
package enum IQ1_M: BlockFormat {
  package static let type = TensorType.iq1_m
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 56

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    var scaleBits: UInt16 = 0
    for i in 0..<4 { scaleBits |= (block.word16(at: 48 + 2 * i) >> 12) << UInt16(4 * i) }
    let scale = Float(Float16(bitPattern: scaleBits))
    for part in 0..<32 {
      let group = part / 2
      let s = block.word16(at: 48 + 2 * (group / 4)) >> UInt16(3 * (group % 4)) & 7
      let step = scale * Float(2 * s + 1)
      let upper = block.nibble(at: 32, part)
      let index = Int(block.byte(at: part)) | Int(upper & 7) << 8
      IQ1_S.write(IQ1Grid.points[index], shift: upper & 8 == 0 ? 0.125 : -0.125, step, weights + 8 * part)
    }
  }
}
