import GGUF

/// 32 weights in 24 bytes, `w[i] = scale × quants[i] + minimum`. Layout: `block_q5_1` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | minimum, Float16 |
/// | 4 | 32 bits: bit `i` is the fifth bit of quant `i` |
/// | 8 | 16 bytes: the lower bits of quant `i` in the low half of byte `i`, of `16 + i` in its high half |
package enum Q5_1: QuantizableFormat {
  package static let type = TensorType.q5_1
  package static let weightsPerBlock = 32
  package static let bytesPerBlock = 24

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0), minimum = block.half(at: 2)
    let fifthBits = block.word32(at: 4)
    for i in 0..<16 {
      let pair = UInt32(block.byte(at: 8 + i))
      let low = pair & 15 | (fifthBits >> UInt32(i) & 1) << 4
      let high = pair >> 4 | (fifthBits >> UInt32(16 + i) & 1) << 4
      weights[i] = scale * Float(low) + minimum
      weights[16 + i] = scale * Float(high) + minimum
    }
  }

  /// The smallest weight becomes code 0, the largest 31.
  package static func quantize(_ weights: UnsafePointer<Float>, into block: UnsafeMutableRawPointer) {
    let range = Rounding.range(weights, weightsPerBlock)
    let step = (range.high - range.low) / 31
    let inverse = Rounding.inverse(step)
    var fifthBits: UInt32 = 0
    block.storeHalf(step, at: 0)
    block.storeHalf(range.low, at: 2)
    for i in 0..<16 {
      let low = Rounding.code((weights[i] - range.low) * inverse + 0.5, top: 31)
      let high = Rounding.code((weights[16 + i] - range.low) * inverse + 0.5, top: 31)
      fifthBits |= UInt32(low >> 4) << UInt32(i) | UInt32(high >> 4) << UInt32(16 + i)
      block.storeByte(low & 15 | high << 4, at: 8 + i)
    }
    block.storeWord32(fifthBits, at: 4)
  }
}
