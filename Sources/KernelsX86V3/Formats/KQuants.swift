import _Builtin_intrinsics.intel

// Super-blocks of 256 weights whose groups' scales are themselves quantized.

enum Q4_K: CodeFormat {
  static var weightsPerBlock: Int { 256 }
  static var bytesPerBlock: Int { 144 }
  static var maximumCode: Int { 15 }
  static var hasOffset: Bool { true }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 {
    let bytes = load256(b, 16 + 32 * (index >> 1))
    return _mm256_and_si256(index & 1 == 0 ? bytes : _mm256_srli_epi16(bytes, 4), splat8(0x0F))
  }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 {
    bytesToFloats(sixBitPairs(b, 4).scales) * half(b, 0)
  }
  @inline(__always) static func offsets(_ b: UnsafeRawPointer) -> F256 {
    bytesToFloats(sixBitPairs(b, 4).minima) * -half(b, 2)
  }
}

enum Q5_K: CodeFormat {
  static var weightsPerBlock: Int { 256 }
  static var bytesPerBlock: Int { 176 }
  static var maximumCode: Int { 31 }
  static var hasOffset: Bool { true }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 {
    let bytes = load256(b, 48 + 32 * (index >> 1))
    let low = _mm256_and_si256(index & 1 == 0 ? bytes : _mm256_srli_epi16(bytes, 4), splat8(0x0F))
    let high = _mm256_and_si256(_mm256_srli_epi16(load256(b, 16), Int32(index)), splat8(1))
    return _mm256_or_si256(low, _mm256_slli_epi16(high, 4))
  }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 {
    bytesToFloats(sixBitPairs(b, 4).scales) * half(b, 0)
  }
  @inline(__always) static func offsets(_ b: UnsafeRawPointer) -> F256 {
    bytesToFloats(sixBitPairs(b, 4).minima) * -half(b, 2)
  }
}

enum Q6_K: CodeFormat {
  static var weightsPerBlock: Int { 256 }
  static var bytesPerBlock: Int { 210 }
  static var groupsOf16: Bool { true }
  static var maximumCode: Int { 63 }
  static var codeBias: Int { 32 }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 {
    let part = index >> 2, quarter = index & 3
    let bytes = load256(b, 64 * part + 32 * (quarter & 1))
    let low = _mm256_and_si256(quarter < 2 ? bytes : _mm256_srli_epi16(bytes, 4), splat8(0x0F))
    let high = _mm256_srli_epi16(load256(b, 128 + 32 * part), Int32(2 * quarter))
    return _mm256_or_si256(low, _mm256_slli_epi16(_mm256_and_si256(high, splat8(3)), 4))
  }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 {
    signedBytesToFloats(word64(b, 192)) * half(b, 208)
  }
  @inline(__always) static func upperScales(_ b: UnsafeRawPointer) -> F256 {
    signedBytesToFloats(word64(b, 200)) * half(b, 208)
  }
}

enum Q2_K: CodeFormat {
  static var weightsPerBlock: Int { 256 }
  static var bytesPerBlock: Int { 84 }
  static var groupsOf16: Bool { true }
  static var maximumCode: Int { 3 }
  static var hasOffset: Bool { true }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 {
    let bytes = load256(b, 16 + 32 * (index >> 2))
    return _mm256_and_si256(_mm256_srli_epi16(bytes, Int32(2 * (index & 3))), splat8(3))
  }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 {
    bytesToFloats(word64(b, 0) & 0x0F0F_0F0F_0F0F_0F0F) * half(b, 80)
  }
  @inline(__always) static func upperScales(_ b: UnsafeRawPointer) -> F256 {
    bytesToFloats(word64(b, 8) & 0x0F0F_0F0F_0F0F_0F0F) * half(b, 80)
  }
  @inline(__always) static func offsets(_ b: UnsafeRawPointer) -> F256 {
    bytesToFloats((word64(b, 0) >> 4) & 0x0F0F_0F0F_0F0F_0F0F) * -half(b, 82)
  }
  @inline(__always) static func upperOffsets(_ b: UnsafeRawPointer) -> F256 {
    bytesToFloats((word64(b, 8) >> 4) & 0x0F0F_0F0F_0F0F_0F0F) * -half(b, 82)
  }
}

enum Q3_K: CodeFormat {
  static var weightsPerBlock: Int { 256 }
  static var bytesPerBlock: Int { 110 }
  static var groupsOf16: Bool { true }
  static var maximumCode: Int { 7 }
  static var codeBias: Int { 4 }
  @inline(__always) static func codes(_ b: UnsafeRawPointer, _ index: Int) -> I256 {
    let bytes = load256(b, 32 + 32 * (index >> 2))
    let low = _mm256_and_si256(_mm256_srli_epi16(bytes, Int32(2 * (index & 3))), splat8(3))
    let high = _mm256_and_si256(_mm256_srli_epi16(load256(b, 0), Int32(index)), splat8(1))
    return _mm256_or_si256(low, _mm256_slli_epi16(high, 2))
  }
  /// Sixteen 6-bit scales, one byte each: low four bits in bytes 96–103, high two bits in bytes 104–107.
  @inline(__always) static func sixBits(_ b: UnsafeRawPointer) -> (low: UInt64, high: UInt64) {
    let low = word64(b, 96), top = UInt64(word32(b, 104))
    let mask4: UInt64 = 0x0F0F_0F0F_0F0F_0F0F, mask2: UInt64 = 0x0303_0303
    let first = (top & mask2) | ((top >> 2) & mask2) << 32
    let second = ((top >> 4) & mask2) | ((top >> 6) & mask2) << 32
    return ((low & mask4) | first << 4, ((low >> 4) & mask4) | second << 4)
  }
  @inline(__always) static func scales(_ b: UnsafeRawPointer) -> F256 {
    (bytesToFloats(sixBits(b).low) - 32) * half(b, 108)
  }
  @inline(__always) static func upperScales(_ b: UnsafeRawPointer) -> F256 {
    (bytesToFloats(sixBits(b).high) - 32) * half(b, 108)
  }
}
