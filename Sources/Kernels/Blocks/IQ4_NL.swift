import GGUF

/// 32 weights in 18 bytes, `w[i] = scale × codebook[quants[i]]`. Layout: `block_iq4_nl` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | 16 bytes: quant `i` in the low half of byte `i`, quant `16 + i` in its high half |
package enum IQ4_NL: BlockFormat {
  package static let type = TensorType.iq4_nl
  package static let weightsPerBlock = 32
  package static let bytesPerBlock = 18

  /// Unevenly spaced, denser around zero: `kvalues_iq4nl` in ggml-common.h.
  package static let codebook: [Int8] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
  ]

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0)
    for i in 0..<16 {
      let pair = Int(block.byte(at: 2 + i))
      weights[i] = scale * Float(codebook[pair & 15])
      weights[16 + i] = scale * Float(codebook[pair >> 4])
    }
  }
}
