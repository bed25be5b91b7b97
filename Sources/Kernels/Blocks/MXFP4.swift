import GGUF

/// 32 four-bit floats with a shared power of two, in 17 bytes. Layout: `block_mxfp4` in ggml-common.h.
/// The elements are the E2M1 and the scale the E8M0 of the OCP Microscaling Formats specification 1.0.
///
/// | offset | field |
/// |---|---|
/// | 0 | exponent: the scale is 2^(exponent − 127) |
/// | 1 | 16 bytes: element `i` in the low half of byte `i`, element `16 + i` in its high half |
package enum MXFP4: BlockFormat {
  package static let type = TensorType.mxfp4
  package static let weightsPerBlock = 32
  package static let bytesPerBlock = 17

  /// The E2M1 values doubled, so that they are integers. Code 8, the specification's −0, is +0 in ggml.
  package static let doubledCodebook: [Int8] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = halfScale(exponent: block.byte(at: 0))
    for i in 0..<16 {
      let pair = Int(block.byte(at: 1 + i))
      weights[i] = scale * Float(doubledCodebook[pair & 15])
      weights[16 + i] = scale * Float(doubledCodebook[pair >> 4])
    }
  }

  /// 2^(exponent − 128), to undo the doubling. The two smallest are subnormal. 255, a NaN in the
  /// specification, is a number here as in ggml.
  package static func halfScale(exponent: UInt8) -> Float {
    exponent < 2
      ? Float(bitPattern: 0x0020_0000 << UInt32(exponent))
      : Float(bitPattern: UInt32(exponent - 1) << 23)
  }
}
