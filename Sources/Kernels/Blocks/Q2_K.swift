import GGUF

/// 256 weights in 84 bytes, 16 groups of 16: `w = scale × s × quant − minimum × m`.
/// Layout: `block_q2_K` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | 16 bytes, one per group: `s` in the low half, `m` in the high half |
/// | 16 | 64 bytes of 2-bit quants: each run of 32 bytes holds 128 weights, 32 per bit pair |
/// | 80 | scale, Float16 |
/// | 82 | minimum, Float16 |
package enum Q2_K: BlockFormat {
  package static let type = TensorType.q2_K
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 84

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 80), minimum = block.half(at: 82)
    for group in 0..<16 {
      let factors = block.byte(at: group)
      let step = scale * Float(factors & 15)
      let offset = minimum * Float(factors >> 4)
      let quants = 16 + 32 * (group / 8) + 16 * (group % 2)
      let shift = UInt8(2 * (group / 2 % 4))
      for i in 0..<16 {
        weights[16 * group + i] = step * Float(block.byte(at: quants + i) >> shift & 3) - offset
      }
    }
  }
}
