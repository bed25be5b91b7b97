import _Builtin_intrinsics.intel

/// A block format seen as integer codes: `w[i] = scale[group] × (code[i] − codeBias) + offset[group]`.
///
/// Every quantized format fits this view; the kernels are generic over it and are specialised for each format
/// at compile time. A *sub-block* is 32 consecutive weights; a *group* is what shares a scale: 32 weights, or
/// 16 where `groupsOf16`. The layouts are defined, with their sources, in `Kernels/Blocks`.
protocol CodeFormat {
  /// 32 or 256.
  static var weightsPerBlock: Int { get }
  static var bytesPerBlock: Int { get }
  /// Two scales for each sub-block of 32.
  static var groupsOf16: Bool { get }
  /// Codes are signed bytes using the whole range; otherwise they are in `0...maximumCode`.
  static var signedCodes: Bool { get }
  static var maximumCode: Int { get }
  /// What stands for 0 in formats without offsets.
  static var codeBias: Int { get }
  static var hasOffset: Bool { get }

  /// The 32 codes of sub-block `index`, one byte each, in order. What prefill unpacks panels from.
  static func codes(_ block: UnsafeRawPointer, _ index: Int) -> I256
  /// Calls `body` with every sub-block of a block in order: its index and its codes, one byte each, in order.
  /// Straight-line code in which sub-blocks share loads: what decoding reads.
  static func forEachSubBlock(_ block: UnsafeRawPointer, _ body: (Int, I256) -> Void)
  /// The scales of eight blocks of 32.
  static func scalesOfEight(_ blocks: UnsafeRawPointer) -> F256
  static func offsetsOfEight(_ blocks: UnsafeRawPointer) -> F256
  /// Scales of the block's groups: sub-blocks 0–7, or groups 0–7 where `groupsOf16`. Blocks of 32 use lane 0.
  static func scales(_ block: UnsafeRawPointer) -> F256
  /// Groups 8–15, only where `groupsOf16`.
  static func upperScales(_ block: UnsafeRawPointer) -> F256
  static func offsets(_ block: UnsafeRawPointer) -> F256
  static func upperOffsets(_ block: UnsafeRawPointer) -> F256
}

extension CodeFormat {
  static var groupsOf16: Bool { false }
  static var signedCodes: Bool { false }
  static var codeBias: Int { 0 }
  static var hasOffset: Bool { false }
  static func upperScales(_ block: UnsafeRawPointer) -> F256 { splat(0) }
  static func offsets(_ block: UnsafeRawPointer) -> F256 { splat(0) }
  static func upperOffsets(_ block: UnsafeRawPointer) -> F256 { splat(0) }
  static var subBlocksPerBlock: Int { weightsPerBlock / 32 }

  // What is added to `scale × code` where codes are read as they are.
  @inline(__always) static func groupOffsets(_ b: UnsafeRawPointer) -> F256 {
    hasOffset ? offsets(b) : scales(b) * Float(-codeBias)
  }
  @inline(__always) static func upperGroupOffsets(_ b: UnsafeRawPointer) -> F256 {
    hasOffset ? upperOffsets(b) : upperScales(b) * Float(-codeBias)
  }
  @inline(__always) static func groupOffsetsOfEight(_ b: UnsafeRawPointer) -> F256 {
    hasOffset ? offsetsOfEight(b) : scalesOfEight(b) * Float(-codeBias)
  }

  @inline(__always) static func forEachSubBlock(_ block: UnsafeRawPointer, _ body: (Int, I256) -> Void) {
    @inline(__always) func step(_ index: Int) { body(index, codes(block, index)) }
    step(0)
    if subBlocksPerBlock == 1 { return }
    step(1)
    step(2)
    step(3)
    step(4)
    step(5)
    step(6)
    step(7)
  }
  @inline(__always) static func scalesOfEight(_ blocks: UnsafeRawPointer) -> F256 {
    halvesOfEight(blocks, stride: bytesPerBlock)
  }
  @inline(__always) static func offsetsOfEight(_ blocks: UnsafeRawPointer) -> F256 { splat(0) }
}

/// The even-numbered of 32 byte codes as 16-bit lanes.
@inline(__always) func evenCodes(_ codes: I256, signed: Bool) -> I256 {
  signed ? _mm256_srai_epi16(_mm256_slli_epi16(codes, 8), 8) : _mm256_and_si256(codes, splat16(0x00FF))
}

/// The odd-numbered ones.
@inline(__always) func oddCodes(_ codes: I256, signed: Bool) -> I256 {
  signed ? _mm256_srai_epi16(codes, 8) : _mm256_srli_epi16(codes, 8)
}

/// Eight half-precision numbers, `stride` bytes apart, as floats.
@inline(__always) func halvesOfEight(_ p: UnsafeRawPointer, stride: Int) -> F256 {
  @inline(__always) func word(_ i: Int) -> UInt16 {
    p.loadUnaligned(fromByteOffset: i * stride, as: UInt16.self)
  }
  let halves = SIMD8<UInt16>(word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7))
  return _mm256_cvtph_ps(unsafeBitCast(halves, to: I128.self))
}

/// Nibbles of 16 bytes: the low ones are codes 0–15, the high ones codes 16–31.
@inline(__always) func nibbles16(_ p: UnsafeRawPointer, _ offset: Int) -> I256 {
  let bytes = load128(p, offset)
  let both = join(bytes, _mm_srli_epi16(bytes, 4))
  return _mm256_and_si256(both, splat8(0x0F))
}

/// 32 bits spread to 32 bytes: `value` where the bit is set, else 0.
@inline(__always) func spreadBits(_ bits: UInt32, _ value: Int8) -> I256 {
  let word = _mm256_set1_epi32(Int32(bitPattern: bits))
  let select = SIMD4<Int64>(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303)
  let bytes = _mm256_shuffle_epi8(word, select)
  let mask = SIMD4<Int64>(repeating: Int64(bitPattern: 0x8040_2010_0804_0201))
  let isSet = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, mask), mask)
  return _mm256_and_si256(isSet, splat8(value))
}

/// Eight unsigned bytes, given as a 64-bit word, as floats.
@inline(__always) func bytesToFloats(_ word: UInt64) -> F256 {
  toFloat(_mm256_cvtepu8_epi32(I128(Int64(bitPattern: word), 0)))
}

/// Eight signed bytes, given as a 64-bit word, as floats.
@inline(__always) func signedBytesToFloats(_ word: UInt64) -> F256 {
  toFloat(_mm256_cvtepi8_epi32(I128(Int64(bitPattern: word), 0)))
}

@inline(__always) func word64(_ p: UnsafeRawPointer, _ offset: Int) -> UInt64 {
  p.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
}

@inline(__always) func word32(_ p: UnsafeRawPointer, _ offset: Int) -> UInt32 {
  p.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
}

/// The eight 6-bit scales and eight 6-bit minima that Q4_K and Q5_K pack into 12 bytes, one byte each.
///
/// Bytes 0–3 hold scales 0–3 and, in their top bits, the top bits of scales 4–7; bytes 4–7 the same for minima;
/// bytes 8–11 the low four bits of scales and minima 4–7.
@inline(__always) func sixBitPairs(_ p: UnsafeRawPointer, _ offset: Int) -> (scales: UInt64, minima: UInt64) {
  let a = word32(p, offset), b = word32(p, offset + 4), c = word32(p, offset + 8)
  let scalesHigh = (c & 0x0F0F_0F0F) | ((a >> 2) & 0x3030_3030)
  let minimaHigh = ((c >> 4) & 0x0F0F_0F0F) | ((b >> 2) & 0x3030_3030)
  return (
    UInt64(a & 0x3F3F_3F3F) | UInt64(scalesHigh) << 32,
    UInt64(b & 0x3F3F_3F3F) | UInt64(minimaHigh) << 32
  )
}
