import GGUF

/// 256 weights in 50 bytes, 8 groups of 32: `w = scale × (1 + 2 s) × (grid point ± ⅛)`.
/// Layout: `block_iq1_s` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | 32 bytes, one per 8 weights: lower 8 bits of the grid index |
/// | 34 | 16 bits per group: 4 × upper 3 bits of the grid indices, 3-bit `s`, and the sign of ⅛ on top |
package enum IQ1_S: BlockFormat {
  package static let type = TensorType.iq1_s
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 50

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0)
    for group in 0..<8 {
      let tail = block.word16(at: 34 + 2 * group)
      let step = scale * Float(2 * (tail >> 12 & 7) + 1)
      let shift: Float = tail & 0x8000 == 0 ? 0.125 : -0.125
      for part in 4 * group..<4 * group + 4 {
        let upper = tail >> UInt16(3 * (part % 4)) & 7
        let index = Int(block.byte(at: 2 + part)) | Int(upper) << 8
        write(IQ1Grid.points[index], shift: shift, step, weights + 8 * part)
      }
    }
  }

  /// Eight weights; the two-bit coordinates 0, 1, 2 of `point` mean −1, 0, 1.
  @inline(__always)
  static func write(_ point: UInt16, shift: Float, _ step: Float, _ weights: UnsafeMutablePointer<Float>) {
    for i in 0..<8 { weights[i] = step * (Float(Int(point >> UInt16(2 * i) & 3) - 1) + shift) }
  }
}
