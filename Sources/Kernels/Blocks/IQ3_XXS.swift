import GGUF

/// 256 weights in 98 bytes, 8 groups of 32: `w = ±scale × (½ + s) × ½ × grid point`.
/// Layout: `block_iq3_xxs` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | 64 grid indices, one per 4 weights |
/// | 66 | 32 bits per group: 4 × 7 bits of signs, `s` in the top 4 |
package enum IQ3_XXS: BlockFormat {
  package static let type = TensorType.iq3_xxs
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 98

  /// What the coordinates of a grid point mean.
  static let magnitudes: [Float] = [4, 12, 20, 28, 36, 44, 52, 62]

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0)
    for group in 0..<8 {
      let tail = block.word32(at: 66 + 4 * group)
      let step = scale * (0.5 + Float(tail >> 28)) * 0.5
      for part in 0..<8 {
        let point = IQ3XXSGrid.points[Int(block.byte(at: 2 + 8 * group + part))]
        let signs = IQSigns.complete(tail >> UInt32(7 * (part / 2)))
        let target = weights + 32 * group + 4 * part
        for i in 0..<4 {
          let magnitude = magnitudes[Int(point >> UInt16(4 * i) & 7)]
          target[i] = IQSigns.apply(signs, 4 * (part % 2) + i, step * magnitude)
        }
      }
    }
  }
}
