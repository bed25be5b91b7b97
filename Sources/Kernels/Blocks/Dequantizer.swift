import GGUF

/// Something to do with a block format that is known only at run time.
///
/// `visit` is generic, not existential, so that each format gets a loop compiled for it.
protocol BlockFormatVisitor {
  associatedtype Result
  func visit<Format: BlockFormat>(_ format: Format.Type) -> Result
}

/// Every block format there is, by its type in the file.
package enum BlockFormats {
  /// The format of `type`, or nil if the type does not store weights.
  package static func format(of type: TensorType) -> (any BlockFormat.Type)? {
    dispatch(type, FormatOf())
  }

  package static func isSupported(_ type: TensorType) -> Bool { format(of: type) != nil }

  /// Writes the `count` weights of one row as float32, exactly as the format defines them.
  ///
  /// Reads `count / weightsPerBlock × bytesPerBlock` bytes from `bytes`, at any alignment.
  /// - Throws: `unsupportedType` for types that do not store weights, `rowNotBlockMultiple` if the row would
  ///   end inside a block. Nothing is written then.
  package static func dequantizeRow(
    type: TensorType, from bytes: UnsafeRawPointer, count: Int, into weights: UnsafeMutablePointer<Float>
  ) throws(KernelError) {
    guard isSupported(type) else { throw .unsupportedType(type.name) }
    let block = type.block.weights
    guard count >= 0, count % block == 0 else {
      throw .rowNotBlockMultiple(type: type.name, columns: count, block: block)
    }
    dequantizeKnown(type, bytes, count: count, into: weights)
  }

  /// The same for a row that was checked before; traps on a type that does not store weights.
  package static func dequantizeKnown(
    _ type: TensorType, _ bytes: UnsafeRawPointer, count: Int, into weights: UnsafeMutablePointer<Float>
  ) {
    let done: Void? = dispatch(type, DequantizeRow(bytes: bytes, count: count, weights: weights))
    precondition(done != nil, "dequantizing a type that does not store weights")
  }

  /// The registry: one line per format; the compiler asks for it when `TensorType` grows.
  @inline(__always)
  private static func dispatch<Visitor: BlockFormatVisitor>(_ type: TensorType, _ visitor: Visitor) -> Visitor
    .Result?
  {
    switch type {
    case .f32: visitor.visit(F32.self)
    case .f16: visitor.visit(F16.self)
    case .bf16: visitor.visit(BF16.self)
    case .q4_0: visitor.visit(Q4_0.self)
    case .q4_1: visitor.visit(Q4_1.self)
    case .q5_0: visitor.visit(Q5_0.self)
    case .q5_1: visitor.visit(Q5_1.self)
    case .q8_0: visitor.visit(Q8_0.self)
    case .q2_K: visitor.visit(Q2_K.self)
    case .q3_K: visitor.visit(Q3_K.self)
    case .q4_K: visitor.visit(Q4_K.self)
    case .q5_K: visitor.visit(Q5_K.self)
    case .q6_K: visitor.visit(Q6_K.self)
    case .iq4_nl: visitor.visit(IQ4_NL.self)
    case .iq4_xs: visitor.visit(IQ4_XS.self)
    case .tq1_0: visitor.visit(TQ1_0.self)
    case .tq2_0: visitor.visit(TQ2_0.self)
    case .mxfp4: visitor.visit(MXFP4.self)
    case .iq1_s: visitor.visit(IQ1_S.self)
    case .iq1_m: visitor.visit(IQ1_M.self)
    case .iq2_xxs: visitor.visit(IQ2_XXS.self)
    case .iq2_xs: visitor.visit(IQ2_XS.self)
    case .iq2_s: visitor.visit(IQ2_S.self)
    case .iq3_xxs: visitor.visit(IQ3_XXS.self)
    case .iq3_s: visitor.visit(IQ3_S.self)
    // Activations quantized on the fly; never in a file.
    case .q8_1, .q8_K: nil
    // Numbers, not weights.
    case .i8, .i16, .i32, .i64, .f64: nil
    }
  }
}

private struct FormatOf: BlockFormatVisitor {
  func visit<Format: BlockFormat>(_ format: Format.Type) -> any BlockFormat.Type { format }
}

private struct DequantizeRow: BlockFormatVisitor {
  let bytes: UnsafeRawPointer
  let count: Int
  let weights: UnsafeMutablePointer<Float>

  func visit<Format: BlockFormat>(_ format: Format.Type) {
    let blocks = count / Format.weightsPerBlock
    assert(blocks * Format.weightsPerBlock == count)
    for i in 0..<blocks {
      Format.dequantize(bytes + i * Format.bytesPerBlock, into: weights + i * Format.weightsPerBlock)
    }
  }
}
