import GGUF

/// 256 weights in 66 bytes, 8 groups of 32: `w = ±scale × (½ + s) × ¼ × grid point`.
/// Layout: `block_iq2_xxs` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | 8 bytes per group: 4 grid indices, then 32 bits with 4 × 7 bits of signs and `s` in the top 4 |
package enum IQ2_XXS: BlockFormat {
  package static let type = TensorType.iq2_xxs
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 66

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0)
    for group in 0..<8 {
      let indices = 2 + 8 * group
      let tail = block.word32(at: indices + 4)
      let step = scale * (0.5 + Float(tail >> 28)) * 0.25
      for part in 0..<4 {
        let point = IQ2XXSGrid.points[Int(block.byte(at: indices + part))]
        let signs = IQSigns.complete(tail >> UInt32(7 * part))
        IQ2Point.write(point, signs, step, weights + 32 * group + 8 * part)
      }
    }
  }
}
