import GGUF

/// 256 weights in 74 bytes, 16 groups of 16: `w = ±scale × (½ + s) × ¼ × grid point`.
/// Layout: `block_iq2_xs` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | 32 × 16 bits, one per 8 weights: grid index in the low 9, 7 bits of signs above |
/// | 66 | 8 bytes: 4-bit `s` of each group, two to a byte |
package enum IQ2_XS: BlockFormat {
  package static let type = TensorType.iq2_xs
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 74

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0)
    for part in 0..<32 {
      let step = scale * (0.5 + Float(block.nibble(at: 66, part / 2))) * 0.25
      let packed = block.word16(at: 2 + 2 * part)
      let signs = IQSigns.complete(UInt32(packed >> 9))
      IQ2Point.write(IQ2XSGrid.points[Int(packed & 511)], signs, step, weights + 8 * part)
    }
  }
}
