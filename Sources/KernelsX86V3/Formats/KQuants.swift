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
  @inline(__always) static func forEachSubBlock(_ b: UnsafeRawPointer, _ body: (Int, I256) -> Void) {
    let nibble = splat8(0x0F)
    @inline(__always) func pair(_ index: Int) {
      let v = load256(b, 16 + 32 * index)
      body(2 * index, _mm256_and_si256(v, nibble))
      body(2 * index + 1, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble))
    }
    pair(0)
    pair(1)
    pair(2)
    pair(3)
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
  @inline(__always) static func forEachSubBlock(_ b: UnsafeRawPointer, _ body: (Int, I256) -> Void) {
    let top = load256(b, 16)
    @inline(__always) func step(_ codes: I256, _ index: Int, _ high: I256) {
      body(
        index, _mm256_or_si256(_mm256_and_si256(codes, splat8(0x0F)), _mm256_and_si256(high, splat8(0x10))))
    }
    let v0 = load256(b, 48), v1 = load256(b, 80), v2 = load256(b, 112), v3 = load256(b, 144)
    step(v0, 0, _mm256_slli_epi16(top, 4))
    step(_mm256_srli_epi16(v0, 4), 1, _mm256_slli_epi16(top, 3))
    step(v1, 2, _mm256_slli_epi16(top, 2))
    step(_mm256_srli_epi16(v1, 4), 3, _mm256_slli_epi16(top, 1))
    step(v2, 4, top)
    step(_mm256_srli_epi16(v2, 4), 5, _mm256_srli_epi16(top, 1))
    step(v3, 6, _mm256_srli_epi16(top, 2))
    step(_mm256_srli_epi16(v3, 4), 7, _mm256_srli_epi16(top, 3))
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
  @inline(__always) static func forEachSubBlock(_ b: UnsafeRawPointer, _ body: (Int, I256) -> Void) {
    @inline(__always) func step(_ low: I256, _ index: Int, _ high: I256) {
      body(index, _mm256_or_si256(_mm256_and_si256(low, splat8(0x0F)), _mm256_and_si256(high, splat8(0x30))))
    }
    @inline(__always) func part(_ index: Int) {
      let v0 = load256(b, 64 * index), v1 = load256(b, 64 * index + 32), top = load256(b, 128 + 32 * index)
      step(v0, 4 * index, _mm256_slli_epi16(top, 4))
      step(v1, 4 * index + 1, _mm256_slli_epi16(top, 2))
      step(_mm256_srli_epi16(v0, 4), 4 * index + 2, top)
      step(_mm256_srli_epi16(v1, 4), 4 * index + 3, _mm256_srli_epi16(top, 2))
    }
    part(0)
    part(1)
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
  @inline(__always) static func forEachSubBlock(_ b: UnsafeRawPointer, _ body: (Int, I256) -> Void) {
    @inline(__always) func step(_ v: I256, _ index: Int) { body(index, _mm256_and_si256(v, splat8(3))) }
    @inline(__always) func part(_ index: Int) {
      let v = load256(b, 16 + 32 * index)
      step(v, 4 * index)
      step(_mm256_srli_epi16(v, 2), 4 * index + 1)
      step(_mm256_srli_epi16(v, 4), 4 * index + 2)
      step(_mm256_srli_epi16(v, 6), 4 * index + 3)
    }
    part(0)
    part(1)
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
  @inline(__always) static func forEachSubBlock(_ b: UnsafeRawPointer, _ body: (Int, I256) -> Void) {
    let top = load256(b, 0)
    @inline(__always) func step(_ low: I256, _ index: Int, _ high: I256) {
      body(index, _mm256_or_si256(_mm256_and_si256(low, splat8(3)), _mm256_and_si256(high, splat8(4))))
    }
    let v0 = load256(b, 32), v1 = load256(b, 64)
    step(v0, 0, _mm256_slli_epi16(top, 2))
    step(_mm256_srli_epi16(v0, 2), 1, _mm256_slli_epi16(top, 1))
    step(_mm256_srli_epi16(v0, 4), 2, top)
    step(_mm256_srli_epi16(v0, 6), 3, _mm256_srli_epi16(top, 1))
    step(v1, 4, _mm256_srli_epi16(top, 2))
    step(_mm256_srli_epi16(v1, 2), 5, _mm256_srli_epi16(top, 3))
    step(_mm256_srli_epi16(v1, 4), 6, _mm256_srli_epi16(top, 4))
    step(_mm256_srli_epi16(v1, 6), 7, _mm256_srli_epi16(top, 5))
  }
}
