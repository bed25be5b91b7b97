import _Builtin_intrinsics.intel

// Decode with 8-bit activations: what formats say about their scales.

/// One token's activations as `quantizeOctets` writes them, beginning at some block of weights.
struct OctetActivations {
  let codes: UnsafeRawPointer
  let scales: UnsafePointer<Float>
  let sums32: UnsafePointer<Float>
  let sums16: UnsafePointer<Float>
  let integerSums: UnsafePointer<Int16>
  let integerSumScales: UnsafePointer<Float>

  @inline(__always) func advanced(columns: Int) -> OctetActivations {
    OctetActivations(
      codes: codes + columns, scales: scales + columns / 8, sums32: sums32 + columns / 32,
      sums16: sums16 + columns / 16, integerSums: integerSums + columns / 32,
      integerSumScales: integerSumScales + columns / 256)
  }

  /// The 32 codes of sub-block `index`.
  @inline(__always) func subBlock(_ index: Int) -> I256 { load256(codes, 32 * index) }
  /// The scales of sub-blocks `2 × index` and `2 × index + 1`.
  @inline(__always) func pairScales(_ index: Int) -> F256 { loadFloats(scales, 8 * index) }
}

/// A super-block format with sixteen scales that fit in signed bytes, and one unit.
///
/// Scales are multiplied in while pairs of products are added, which has to be done anyway; only the unit is a float.
protocol ByteScaleFormat: CodeFormat {
  /// The sixteen scales, the same in both halves.
  static func byteScales(_ block: UnsafeRawPointer) -> I256
  /// The block's unit, which may be less than all of a scale's: × 2⁻⁸ is missing.
  static func unit(_ block: UnsafeRawPointer) -> F256
  /// What is to be added to `unit × Σ 256 × scale × code × x`.
  static func addOffsets(
    _ block: UnsafeRawPointer, _ scales: I256, _ x: OctetActivations, _ unit: F256, _ offset: F256
  ) -> F256
}

/// 16 bytes in both halves.
@inline(__always) private func twice(_ p: UnsafeRawPointer, _ offset: Int) -> I256 {
  let v = load128(p, offset)
  return join(v, v)
}

/// A half-precision number in every lane.
@inline(__always) func splatHalf(_ p: UnsafeRawPointer, _ offset: Int) -> F256 {
  let word = p.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
  return _mm256_cvtph_ps(unsafeBitCast(SIMD8<UInt16>(repeating: word), to: I128.self))
}

extension Q6_K: ByteScaleFormat {
  @inline(__always) static func byteScales(_ b: UnsafeRawPointer) -> I256 { twice(b, 192) }
  @inline(__always) static func unit(_ b: UnsafeRawPointer) -> F256 { splatHalf(b, 208) }
  @inline(__always) static func addOffsets(
    _ b: UnsafeRawPointer, _ scales: I256, _ x: OctetActivations, _ unit: F256, _ offset: F256
  ) -> F256 {
    let low = signedBytesToFloats(word64(b, 192)) * loadFloats(x.sums16)
    let sum = fma(signedBytesToFloats(word64(b, 200)), loadFloats(x.sums16, 8), low)
    return fma(sum, unit, offset)
  }
}
