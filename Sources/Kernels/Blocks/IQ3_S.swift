import GGUF

/// 256 weights in 110 bytes, 8 groups of 32: `w = ±scale × (1 + 2 s) × grid point`.
/// Layout: `block_iq3_s` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | 64 bytes, one per 4 weights: lower 8 bits of the grid index |
/// | 66 | 8 bytes, one per group: ninth bits of its grid indices |
/// | 74 | 32 bytes: 8 signs per 8 weights |
/// | 106 | 4 bytes: 4-bit `s` of each group, two to a byte |
package enum IQ3_S: BlockFormat {
  package static let type = TensorType.iq3_s
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 110

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0)
    for part in 0..<64 {
      let group = part / 8
      let step = scale * Float(1 + 2 * Int(block.nibble(at: 106, group)))
      let ninth = block.byte(at: 66 + group) >> UInt8(part % 8) & 1
      let point = IQ3SGrid.points[Int(block.byte(at: 2 + part)) | Int(ninth) << 8]
      let signs = block.byte(at: 74 + part / 2)
      for i in 0..<4 {
        // Coordinate c means the magnitude 2 c + 1.
        let magnitude = Float(2 * (point >> UInt16(4 * i) & 7) + 1)
        weights[4 * part + i] = IQSigns.apply(signs, 4 * (part % 2) + i, step * magnitude)
      }
    }
  }
}
