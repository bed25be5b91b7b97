import GGUF

/// The upper half of a float32: 8 bits of exponent, 7 of mantissa, 2 bytes.
package enum BF16: QuantizableFormat {
  package static let type = TensorType.bf16
  package static let weightsPerBlock = 1
  package static let bytesPerBlock = 2

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    weights[0] = Float(bitPattern: UInt32(block.word16(at: 0)) << 16)
  }

  /// To the nearest, ties to even; a NaN stays a (quiet) NaN.
  package static func quantize(_ weights: UnsafePointer<Float>, into block: UnsafeMutableRawPointer) {
    let bits = weights[0].bitPattern
    let rounded =
      // Rounding a NaN could carry into the sign, or drop every bit that makes it a NaN.
      weights[0].isNaN
      ? bits >> 16 | 0x40
      : (bits + 0x7fff + (bits >> 16 & 1)) >> 16
    block.storeBytes(of: UInt16(rounded).littleEndian, as: UInt16.self)
  }
}
