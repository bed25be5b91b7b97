import GGUF

/// A plain float32, 4 bytes.
package enum F32: QuantizableFormat {
  package static let type = TensorType.f32
  package static let weightsPerBlock = 1
  package static let bytesPerBlock = 4

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    weights[0] = Float(bitPattern: block.word32(at: 0))
  }

  package static func quantize(_ weights: UnsafePointer<Float>, into block: UnsafeMutableRawPointer) {
    block.storeWord32(weights[0].bitPattern, at: 0)
  }
}
