import _Builtin_intrinsics.intel

// Blocks of 32 weights with one half-precision scale each.

enum Q4_0: CodeFormat {
  static var weightsPerBlock: Int { 32 }
  static var bytesPerBlock: Int { 18 }
  static var maximumCode: Int { 15 }
  static var codeBias: Int { 8 }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 { nibbles16(b, 2) }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 { splat(half(b, 0)) }
}

enum Q4_1: CodeFormat {
  static var weightsPerBlock: Int { 32 }
  static var bytesPerBlock: Int { 20 }
  static var maximumCode: Int { 15 }
  static var hasOffset: Bool { true }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 { nibbles16(b, 4) }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 { splat(half(b, 0)) }
  @inline(__always) static func offsets(_ b: UnsafeRawPointer) -> F256 { splat(half(b, 2)) }
  @inline(__always) static func offsetsOfEight(_ p: UnsafeRawPointer) -> F256 {
    halvesOfEight(p + 2, stride: bytesPerBlock)
  }
}

enum Q5_0: CodeFormat {
  static var weightsPerBlock: Int { 32 }
  static var bytesPerBlock: Int { 22 }
  static var maximumCode: Int { 31 }
  static var codeBias: Int { 16 }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 {
    _mm256_or_si256(nibbles16(b, 6), spreadBits(word32(b, 2), 16))
  }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 { splat(half(b, 0)) }
}

enum Q5_1: CodeFormat {
  static var weightsPerBlock: Int { 32 }
  static var bytesPerBlock: Int { 24 }
  static var maximumCode: Int { 31 }
  static var hasOffset: Bool { true }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 {
    _mm256_or_si256(nibbles16(b, 8), spreadBits(word32(b, 4), 16))
  }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 { splat(half(b, 0)) }
  @inline(__always) static func offsets(_ b: UnsafeRawPointer) -> F256 { splat(half(b, 2)) }
  @inline(__always) static func offsetsOfEight(_ p: UnsafeRawPointer) -> F256 {
    halvesOfEight(p + 2, stride: bytesPerBlock)
  }
}

enum Q8_0: CodeFormat {
  static var weightsPerBlock: Int { 32 }
  static var bytesPerBlock: Int { 34 }
  static var signedCodes: Bool { true }
  static var maximumCode: Int { 128 }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 { load256(b, 2) }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 { splat(half(b, 0)) }
}

/// The 16 values that a 4-bit index stands for in IQ4_NL and IQ4_XS. Source: `kvalues_iq4nl` in ggml-common.h.
@inline(__always) func nonlinearTable() -> I256 {
  let low = SIMD16<Int8>(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
  let half = unsafeBitCast(low, to: I128.self)
  return join(half, half)
}

enum IQ4_NL: CodeFormat {
  static var weightsPerBlock: Int { 32 }
  static var bytesPerBlock: Int { 18 }
  static var signedCodes: Bool { true }
  static var maximumCode: Int { 127 }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 {
    _mm256_shuffle_epi8(nonlinearTable(), nibbles16(b, 2))
  }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 { splat(half(b, 0)) }
}

enum IQ4_XS: CodeFormat {
  static var weightsPerBlock: Int { 256 }
  static var bytesPerBlock: Int { 136 }
  static var signedCodes: Bool { true }
  static var maximumCode: Int { 127 }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 {
    _mm256_shuffle_epi8(nonlinearTable(), nibbles16(b, 8 + 16 * index))
  }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 {
    // Four low bits a scale in bytes 4–7, two high bits a scale in the 16 bits at byte 2.
    let low = word32(b, 4), high = UInt32(b.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
    let shifts = SIMD8<UInt32>(0, 4, 8, 12, 16, 20, 24, 28)
    let highShifts = SIMD8<UInt32>(0, 2, 4, 6, 8, 10, 12, 14)
    let lowBits = (SIMD8(repeating: low) &>> shifts) & 15
    let highBits = (SIMD8(repeating: high) &>> highShifts) & 3
    let scale = unsafeBitCast(lowBits | (highBits &<< 4), to: I256.self)
    return toFloat(_mm256_sub_epi32(scale, _mm256_set1_epi32(32))) * half(b, 0)
  }
}
