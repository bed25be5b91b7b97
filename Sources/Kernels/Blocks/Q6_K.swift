import GGUF

/// 256 weights in 210 bytes, 16 groups of 16: `w = scale × s × (quant − 32)`.
/// Layout: `block_q6_K` in ggml-common.h.
///
/// Each half of the block (128 weights) is four lines of 32.
///
/// | offset | field |
/// |---|---|
/// | 0 | 128 bytes of lower bits, 64 per half: lines 0 and 1 in the low halves, 2 and 3 in the high ones |
/// | 128 | 64 bytes of upper bit pairs, 32 per half: line `n` in bit pair `n` |
/// | 192 | 16 `s`, Int8 |
/// | 208 | scale, Float16 |
package enum Q6_K: BlockFormat {
  package static let type = TensorType.q6_K
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 210

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 208)
    for group in 0..<16 {
      let step = scale * Float(block.signedByte(at: 192 + group))
      let half = group / 8
      let line = group / 2 % 4
      let first = 16 * (group % 2)
      let lower = 64 * half + 32 * (line % 2) + first
      let upper = 128 + 32 * half + first
      for i in 0..<16 {
        let low = block.byte(at: lower + i) >> UInt8(4 * (line / 2)) & 15
        let high = block.byte(at: upper + i) >> UInt8(2 * line) & 3
        weights[16 * group + i] = step * Float(Int(low | high << 4) - 32)
      }
    }
  }
}
