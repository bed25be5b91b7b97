import GGUF

/// 32 weights in 20 bytes, `w[i] = scale × quants[i] + minimum`. Layout: `block_q4_1` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | minimum, Float16 |
/// | 4 | 16 bytes: quant `i` in the low half of byte `i`, quant `16 + i` in its high half |
package enum Q4_1: QuantizableFormat {
  package static let type = TensorType.q4_1
  package static let weightsPerBlock = 32
  package static let bytesPerBlock = 20

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0), minimum = block.half(at: 2)
    for i in 0..<16 {
      let pair = block.byte(at: 4 + i)
      weights[i] = scale * Float(pair & 15) + minimum
      weights[16 + i] = scale * Float(pair >> 4) + minimum
    }
  }

  /// The smallest weight becomes code 0, the largest 15.
  package static func quantize(_ weights: UnsafePointer<Float>, into block: UnsafeMutableRawPointer) {
    let range = Rounding.range(weights, weightsPerBlock)
    let step = (range.high - range.low) / 15
    let inverse = Rounding.inverse(step)
    block.storeHalf(step, at: 0)
    block.storeHalf(range.low, at: 2)
    for i in 0..<16 {
      let low = Rounding.code((weights[i] - range.low) * inverse + 0.5, top: 15)
      let high = Rounding.code((weights[16 + i] - range.low) * inverse + 0.5, top: 15)
      block.storeByte(low | high << 4, at: 4 + i)
    }
  }
}
