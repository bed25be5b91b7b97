import GGUF

/// 32 weights in 22 bytes, `w[i] = scale × (quants[i] − 16)`. Layout: `block_q5_0` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | 32 bits: bit `i` is the fifth bit of quant `i` |
/// | 6 | 16 bytes: the lower bits of quant `i` in the low half of byte `i`, of `16 + i` in its high half |
package enum Q5_0: QuantizableFormat {
  package static let type = TensorType.q5_0
  package static let weightsPerBlock = 32
  package static let bytesPerBlock = 22

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0)
    let fifthBits = block.word32(at: 2)
    for i in 0..<16 {
      let pair = UInt32(block.byte(at: 6 + i))
      let low = pair & 15 | (fifthBits >> UInt32(i) & 1) << 4
      let high = pair >> 4 | (fifthBits >> UInt32(16 + i) & 1) << 4
      weights[i] = scale * Float(Int(low) - 16)
      weights[16 + i] = scale * Float(Int(high) - 16)
    }
  }

  /// The weight of the largest magnitude becomes code 0, that is −16 steps, so the scale may be negative.
  /// Its opposite, +16 steps, has no code and is cut to 15.
  package static func quantize(_ weights: UnsafePointer<Float>, into block: UnsafeMutableRawPointer) {
    let step = Rounding.largestMagnitude(weights, weightsPerBlock) / -16
    let inverse = Rounding.inverse(step)
    var fifthBits: UInt32 = 0
    block.storeHalf(step, at: 0)
    for i in 0..<16 {
      let low = Rounding.code(weights[i] * inverse + 16.5, top: 31)
      let high = Rounding.code(weights[16 + i] * inverse + 16.5, top: 31)
      fifthBits |= UInt32(low >> 4) << UInt32(i) | UInt32(high >> 4) << UInt32(16 + i)
      block.storeByte(low & 15 | high << 4, at: 6 + i)
    }
    block.storeWord32(fifthBits, at: 2)
  }
}
