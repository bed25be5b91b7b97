import GGUF

/// Writes float32 weights in a format whose quantizer is a plain rounding: F32, F16, BF16, Q8_0.
package enum WeightEncoder {
  /// The formats that it can write.
  package static func canWrite(_ type: TensorType) -> Bool {
    switch type {
    case .f32, .f16, .bf16, .q8_0: true
    default: false
    }
  }

  /// Whole rows of weights in a format that can be written.
  ///
  /// - Parameter weights: as many as whole blocks of the format hold.
  package static func encode(_ weights: [Float], as type: TensorType) -> [UInt8] {
    weights.withUnsafeBufferPointer { source in
      let count = source.count / type.block.weights * type.block.bytes
      return [UInt8](unsafeUninitializedCapacity: count) { target, written in
        if let from = source.baseAddress, let to = target.baseAddress {
          encode(from, count: source.count, as: type, into: UnsafeMutableRawPointer(to))
        }
        written = count
      }
    }
  }

  static func encode(
    _ weights: UnsafePointer<Float>, count: Int, as type: TensorType, into bytes: UnsafeMutableRawPointer
  ) {
    precondition(count % type.block.weights == 0)
    switch type {
    case .f32: bytes.copyMemory(from: weights, byteCount: count * 4)
    case .f16: write(F16.self, weights, count, bytes)
    case .bf16: write(BF16.self, weights, count, bytes)
    case .q8_0: write(Q8_0.self, weights, count, bytes)
    default: preconditionFailure("encoding a type that is not written")
    }
  }

  @inline(__always)
  private static func write<Format: QuantizableFormat>(
    _ format: Format.Type, _ weights: UnsafePointer<Float>, _ count: Int, _ bytes: UnsafeMutableRawPointer
  ) {
    for block in 0..<count / Format.weightsPerBlock {
      Format.quantize(weights + block * Format.weightsPerBlock, into: bytes + block * Format.bytesPerBlock)
    }
  }
}
