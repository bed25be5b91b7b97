import GGUF

/// 256 weights in 176 bytes, 8 groups of 32: `w = scale × s × quant − minimum × m`.
/// Layout: `block_q5_K` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | minimum, Float16 |
/// | 4 | 12 bytes: 6-bit `s` and `m` of each group, see `KScales` |
/// | 16 | 32 bytes of fifth bits: bit `g` of byte `i` belongs to weight `i` of group `g` |
/// | 48 | 128 bytes of lower bits: each run of 32 bytes holds two groups, the first in the low halves |
package enum Q5_K: BlockFormat {
  package static let type = TensorType.q5_K
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 176

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0), minimum = block.half(at: 2)
    for group in 0..<8 {
      let factors = KScales.factors(block, at: 4, group: group)
      let step = scale * Float(factors.scale)
      let offset = minimum * Float(factors.minimum)
      let quants = 48 + 32 * (group / 2)
      let shift = UInt8(4 * (group % 2))
      for i in 0..<32 {
        let low = block.byte(at: quants + i) >> shift & 15
        let fifth = block.byte(at: 16 + i) >> UInt8(group) & 1
        weights[32 * group + i] = step * Float(low | fifth << 4) - offset
      }
    }
  }
}
