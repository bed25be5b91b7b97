import GGUF

/// 32 weights in 18 bytes, `w[i] = scale × (quants[i] − 8)`. Layout: `block_q4_0` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | 16 bytes: quant `i` in the low half of byte `i`, quant `16 + i` in its high half |
package enum Q4_0: QuantizableFormat {
  package static let type = TensorType.q4_0
  package static let weightsPerBlock = 32
  package static let bytesPerBlock = 18

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0)
    for i in 0..<16 {
      let pair = block.byte(at: 2 + i)
      weights[i] = scale * Float(Int(pair & 15) - 8)
      weights[16 + i] = scale * Float(Int(pair >> 4) - 8)
    }
  }

  /// The weight of the largest magnitude becomes code 0, that is −8 steps, so the scale may be negative.
  /// Its opposite, +8 steps, has no code and is cut to 7.
  package static func quantize(_ weights: UnsafePointer<Float>, into block: UnsafeMutableRawPointer) {
    let step = Rounding.largestMagnitude(weights, weightsPerBlock) / -8
    let inverse = Rounding.inverse(step)
    block.storeHalf(step, at: 0)
    for i in 0..<16 {
      let low = Rounding.code(weights[i] * inverse + 8.5, top: 15)
      let high = Rounding.code(weights[16 + i] * inverse + 8.5, top: 15)
      block.storeByte(low | high << 4, at: 2 + i)
    }
  }
}
