import GGUF

/// A way to store weights in fixed-size blocks: the layout of one block and what its bytes mean.
///
/// A row of a matrix is a whole number of blocks, one after the other, little endian, without padding. Blocks
/// start at any address. `dequantize` is exact: it performs the float32 operations of the format's definition
/// in their order, so its results have the same bits as ggml's.
package protocol BlockFormat: SendableMetatype {
  static var type: TensorType { get }
  static var weightsPerBlock: Int { get }
  static var bytesPerBlock: Int { get }

  /// The definition. Slow; every faster path is tested against it.
  ///
  /// Reads `bytesPerBlock` bytes and writes `weightsPerBlock` floats. Any bytes are valid; a scale that is
  /// not finite gives weights that are not finite.
  static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>)
}

/// A block format whose quantizer is a plain rounding to the nearest code.
///
/// Never traps, but only finite weights whose scale (a 32nd to a 127th part of the largest) fits a Float16
/// come back near what they were.
package protocol QuantizableFormat: BlockFormat {
  /// Reads `weightsPerBlock` floats and writes `bytesPerBlock` bytes, the same as ggml's reference quantizer.
  static func quantize(_ weights: UnsafePointer<Float>, into block: UnsafeMutableRawPointer)
}
