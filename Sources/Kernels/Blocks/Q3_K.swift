import GGUF

/// 256 weights in 110 bytes, 16 groups of 16: `w = scale × (s − 32) × (quant − 4)`.
/// Layout: `block_q3_K` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | 32 bytes of third bits: bit `b` of byte `i` belongs to weight `32 b + i` |
/// | 32 | 64 bytes of lower bit pairs: each run of 32 bytes holds 128 weights, 32 per bit pair |
/// | 96 | 16 6-bit `s`: low 4 bits of `i` and `8 + i` in 8 bytes, then the upper pairs in 4 bytes |
/// | 108 | scale, Float16 |
package enum Q3_K: BlockFormat {
  package static let type = TensorType.q3_K
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 110

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 108)
    for group in 0..<16 {
      let low = block.byte(at: 96 + group % 8) >> UInt8(4 * (group / 8)) & 15
      let high = block.byte(at: 104 + group % 4) >> UInt8(2 * (group / 4)) & 3
      let step = scale * Float(Int(low | high << 4) - 32)
      let first = 16 * (group % 2)
      let quants = 32 + 32 * (group / 8) + first
      let shift = UInt8(2 * (group / 2 % 4))
      let thirdBit = UInt8(group / 2)
      for i in 0..<16 {
        let pair = block.byte(at: quants + i) >> shift & 3
        let third = block.byte(at: first + i) >> thirdBit & 1
        weights[16 * group + i] = step * Float(Int(pair | third << 2) - 4)
      }
    }
  }
}
