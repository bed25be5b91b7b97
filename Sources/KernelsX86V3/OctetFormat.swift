import _Builtin_intrinsics.intel

// Decode with 8-bit activations: what formats say about their scales.

/// One token's activations as `quantizeOctets` writes them, beginning at some block of 256.
struct OctetActivations {
  let codes: UnsafeRawPointer
  let scales: UnsafePointer<Float>
  let sums16: UnsafePointer<Float>
  let integerSums: UnsafePointer<Int16>
  let integerSumScales: UnsafePointer<Float>

  @inline(__always) func advanced(columns: Int) -> OctetActivations {
    OctetActivations(
      codes: codes + columns, scales: scales + columns / 8, sums16: sums16 + columns / 16,
      integerSums: integerSums + columns / 32, integerSumScales: integerSumScales + columns / 256)
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
  /// What scales are multiplied with.
  static func unit(_ block: UnsafeRawPointer) -> F256
  /// What the offset is multiplied with that `addOffsets` sums up: how far codes stand off, or 1 for minima.
  static var offsetFactor: Float { get }
  /// `offset` and the block's offsets times sums of x, to be subtracted.
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

extension ByteScaleFormat {
  static var offsetFactor: Float { hasOffset ? 1 : Float(codeBias) }
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

extension Q2_K: ByteScaleFormat {
  @inline(__always) static func byteScales(_ b: UnsafeRawPointer) -> I256 {
    _mm256_and_si256(twice(b, 0), splat8(0x0F))
  }
  @inline(__always) static func unit(_ b: UnsafeRawPointer) -> F256 { splatHalf(b, 80) }
  @inline(__always) static func addOffsets(
    _ b: UnsafeRawPointer, _ scales: I256, _ x: OctetActivations, _ unit: F256, _ offset: F256
  ) -> F256 {
    let low = bytesToFloats((word64(b, 0) >> 4) & 0x0F0F_0F0F_0F0F_0F0F) * loadFloats(x.sums16)
    let minima = bytesToFloats((word64(b, 8) >> 4) & 0x0F0F_0F0F_0F0F_0F0F)
    return fma(fma(minima, loadFloats(x.sums16, 8), low), splatHalf(b, 82), offset)
  }
}

extension Q3_K: ByteScaleFormat {
  /// Low four bits in bytes 96–103, high two bits in bytes 104–107; 32 stands for 0.
  @inline(__always) static func byteScales(_ b: UnsafeRawPointer) -> I256 {
    // The last 16 bytes of the block: two bytes, the scales, the unit.
    let bytes = load128(b, 94)
    let low = _mm_srlv_epi64(
      _mm_shuffle_epi8(bytes, I128(0x0908_0706_0504_0302, 0x0908_0706_0504_0302)), I128(0, 4))
    let top = _mm_srlv_epi32(
      _mm_shuffle_epi8(bytes, I128(0x0D0C_0B0A_0D0C_0B0A, 0x0D0C_0B0A_0D0C_0B0A)), I128(2 << 32, 4 | 6 << 32))
    let scales = _mm_or_si128(
      _mm_and_si128(low, _mm_set1_epi8(0x0F)), _mm_slli_epi16(_mm_and_si128(top, _mm_set1_epi8(3)), 4))
    let signed = _mm_sub_epi8(scales, _mm_set1_epi8(32))
    return join(signed, signed)
  }
  @inline(__always) static func unit(_ b: UnsafeRawPointer) -> F256 { splatHalf(b, 108) }
  @inline(__always) static func addOffsets(
    _ b: UnsafeRawPointer, _ scales: I256, _ x: OctetActivations, _ unit: F256, _ offset: F256
  ) -> F256 {
    let bytes = scales.lowHalf
    let low = toFloat(_mm256_cvtepi8_epi32(bytes)) * loadFloats(x.sums16)
    let high = toFloat(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes)))
    return fma(fma(high, loadFloats(x.sums16, 8), low), unit, offset)
  }
}
