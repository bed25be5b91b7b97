import GGUF

/// 256 ternary weights in 66 bytes, `w = scale × (quant − 1)`. Layout: `block_tq2_0` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | 64 bytes of 2-bit quants: each run of 32 bytes holds 128 weights, 32 per bit pair |
/// | 64 | scale, Float16 |
package enum TQ2_0: BlockFormat {
  package static let type = TensorType.tq2_0
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 66

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 64)
    for line in 0..<8 {
      let shift = UInt8(2 * (line % 4))
      for i in 0..<32 {
        let quant = block.byte(at: 32 * (line / 4) + i) >> shift & 3
        weights[32 * line + i] = scale * Float(Int(quant) - 1)
      }
    }
  }
}
