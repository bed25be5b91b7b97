import GGUF

/// 32 weights in 34 bytes, `w[i] = scale × quants[i]`. Layout: `block_q8_0` in ggml-common.h.
///
/// | offset | field |
/// |---|---|
/// | 0 | scale, Float16 |
/// | 2 | 32 quants, Int8 |
package enum Q8_0: QuantizableFormat {
  package static let type = TensorType.q8_0
  package static let weightsPerBlock = 32
  package static let bytesPerBlock = 34

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 0)
    for i in 0..<weightsPerBlock { weights[i] = scale * Float(block.signedByte(at: 2 + i)) }
  }

  /// The largest magnitude becomes ±127. Ties round away from zero.
  package static func quantize(_ weights: UnsafePointer<Float>, into block: UnsafeMutableRawPointer) {
    let step = Rounding.largestMagnitude(weights, weightsPerBlock).magnitude / 127
    let inverse = Rounding.inverse(step)
    block.storeHalf(step, at: 0)
    for i in 0..<weightsPerBlock {
      let rounded = (weights[i] * inverse).rounded(.toNearestOrAwayFromZero)
      // A NaN compares false and becomes 0.
      let quant: Int8 = rounded >= 0 ? Int8(min(rounded, 127)) : rounded < 0 ? Int8(max(rounded, -127)) : 0
      block.storeByte(UInt8(bitPattern: quant), at: 2 + i)
    }
  }
}
