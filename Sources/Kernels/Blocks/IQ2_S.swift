import GGUF

/// 256 weights in 82 bytes, 16 groups of 16: `w = ±scale × (½ + s) × ¼ × grid point`.
/// Layout: `block_iq2_s` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | 32 bytes, one per 8 weights: lower 8 bits of the grid index |
/// | 34 | 32 bytes: 8 signs per 8 weights |
/// | 66 | 8 bytes: upper bit pairs of the grid indices, four to a byte |
/// | 74 | 8 bytes: 4-bit `s` of each group, two to a byte |
package enum IQ2_S: BlockFormat {
  package static let type = TensorType.iq2_s
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 82

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0)
    for part in 0..<32 {
      let step = scale * (0.5 + Float(block.nibble(at: 74, part / 2))) * 0.25
      let upper = block.byte(at: 66 + part / 4) >> UInt8(2 * (part % 4)) & 3
      let index = Int(block.byte(at: 2 + part)) | Int(upper) << 8
      IQ2Point.write(IQ2SGrid.points[index], block.byte(at: 34 + part), step, weights + 8 * part)
    }
  }
}
