import GGUF

/// A plain IEEE half, 2 bytes.
package enum F16: QuantizableFormat {
  package static let type = TensorType.f16
  package static let weightsPerBlock = 1
  package static let bytesPerBlock = 2

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    weights[0] = block.half(at: 0)
  }

  /// To the nearest half, ties to even; beyond 65504 + 16 to infinity.
  package static func quantize(_ weights: UnsafePointer<Float>, into block: UnsafeMutableRawPointer) {
    block.storeHalf(weights[0], at: 0)
  }
}
