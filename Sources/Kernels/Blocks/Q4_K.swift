import GGUF

/// 256 weights in 144 bytes, 8 groups of 32: `w = scale × s × quant − minimum × m`.
/// Layout: `block_q4_K` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | minimum, Float16 |
/// | 4 | 12 bytes: 6-bit `s` and `m` of each group, see `KScales` |
/// | 16 | 128 bytes of 4-bit quants: each run of 32 bytes holds two groups, the first in the low halves |
package enum Q4_K: BlockFormat {
  package static let type = TensorType.q4_K
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 144

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0), minimum = block.half(at: 2)
    for group in 0..<8 {
      let factors = KScales.factors(block, at: 4, group: group)
      let step = scale * Float(factors.scale)
      let offset = minimum * Float(factors.minimum)
      let quants = 16 + 32 * (group / 2)
      let shift = UInt8(4 * (group % 2))
      for i in 0..<32 {
        weights[32 * group + i] = step * Float(block.byte(at: quants + i) >> shift & 15) - offset
      }
    }
  }
}
