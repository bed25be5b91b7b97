import GGUF

/// 256 ternary weights in 54 bytes, `w = scale × (digit − 1)`. Layout: `block_tq1_0` in ggml-common.h.
///
/// A byte holds five base-3 digits as a fraction of 256, rounded up: times 3, the carry out of the byte is
/// the next digit. The `n`th digits of the bytes of a run are a line of consecutive weights.
///
/// | offset | field |
/// |---|---|
/// | 0 | 32 bytes: 5 lines of 32 weights |
/// | 32 | 16 bytes: 5 lines of 16 weights |
/// | 48 | 4 bytes: 4 lines of 4 weights |
/// | 52 | scale, Float16 |
package enum TQ1_0: BlockFormat {
  package static let type = TensorType.tq1_0
  package static let weightsPerBlock = 256
  package static let bytesPerBlock = 54

  package static func dequantize(_ block: UnsafeRawPointer, into weights: UnsafeMutablePointer<Float>) {
    let scale = block.half(at: 52)
    unpack(block, bytes: 32, lines: 5, scale, weights)
    unpack(block + 32, bytes: 16, lines: 5, scale, weights + 160)
    unpack(block + 48, bytes: 4, lines: 4, scale, weights + 240)
  }

  @inline(__always)
  private static func unpack(
    _ run: UnsafeRawPointer, bytes: Int, lines: Int, _ scale: Float, _ weights: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<bytes {
      var fraction = UInt16(run.byte(at: i))
      for line in 0..<lines {
        fraction *= 3
        weights[bytes * line + i] = scale * Float(Int(fraction >> 8) - 1)
        fraction &= 255
      }
    }
  }
}
