import GGUF

/// 256 weights in 136 bytes, 8 groups of 32: `w = scale × (s − 32) × codebook[quant]`.
/// The codebook is that of `IQ4_NL`. Layout: `block_iq4_xs` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | upper bit pairs of the 6-bit `s`, group 0 lowest |
/// | 4 | 4 bytes: lower halves of `s`, two to a byte |
/// | 8 | 16 bytes per group: quant `i` in the low half of byte `i`, quant `16 + i` in its high half |
package enum IQ4_XS: BlockFormat {
  package static let type = TensorType.iq4_xs
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 136

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0)
    let upper = block.word16(at: 2)
    for group in 0..<8 {
      let s = Int(block.nibble(at: 4, group)) | Int(upper >> UInt16(2 * group) & 3) << 4
      let step = scale * Float(s - 32)
      for i in 0..<16 {
        let pair = Int(block.byte(at: 8 + 16 * group + i))
        weights[32 * group + i] = step * Float(IQ4_NL.codebook[pair & 15])
        weights[32 * group + 16 + i] = step * Float(IQ4_NL.codebook[pair >> 4])
      }
    }
  }
}
