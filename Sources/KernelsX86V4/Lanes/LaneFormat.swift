import _Builtin_intrinsics.intel

/// A format whose blocks of 256 can be unpacked for eight rows at a time, a row in each lane: what decoding reads.
protocol LaneFormat: CodeFormat {
  /// The scales of one block of eight rows, still packed.
  associatedtype Factors
  static func factors(_ rows: EightRows) -> Factors
  /// What multiplies every `scale`, and `minimum`.
  static func scaleUnit(_ factors: Factors) -> F256
  static func minimumUnit(_ factors: Factors) -> F256
  /// The integer scale of group `index`, and minimum.
  static func scale(_ factors: Factors, _ index: Int) -> F256
  static func minimum(_ factors: Factors, _ index: Int) -> F256
  /// Calls `body` with every sub-block in order: its index and its unsigned codes.
  static func forEachSubBlock(_ rows: EightRows, _ body: (Int, Units) -> Void)
}

/// The header that Q4_K and Q5_K share: two half-precision units, then 12 bytes of 6-bit scales and minima, of which
/// numbers 0–3 and 4–7 are one byte each of a lane.
struct SixBitFactors {
  let scaleUnit: F256
  let minimumUnit: F256
  let scales: (I256, I256)
  let minima: (I256, I256)

  @inline(__always) init(_ rows: EightRows) {
    let (units, a, b, c) = rows.shortUnits(0)
    let low = splat8(0x3F), four = splat8(0x0F), two = splat8(0x30)
    @inline(__always) func top(_ v: I256) -> I256 { _mm256_and_si256(_mm256_srli_epi32(v, 2), two) }
    scales = (_mm256_and_si256(a, low), _mm256_or_si256(_mm256_and_si256(c, four), top(a)))
    minima = (
      _mm256_and_si256(b, low), _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi32(c, 4), four), top(b))
    )
    scaleUnit = Self.halves(units, 0)
    minimumUnit = Self.halves(units, 16)
  }

  /// The half-precision numbers at bit `shift` of every lane.
  @inline(__always) private static func halves(_ v: I256, _ shift: Int32) -> F256 {
    let words = _mm256_and_si256(_mm256_srli_epi32(v, shift), _mm256_set1_epi32(0xFFFF))
    return _mm256_cvtph_ps(_mm256_cvtepi32_epi16(words))
  }

  @inline(__always) func scale(_ index: Int) -> F256 {
    byteLanes(index < 4 ? scales.0 : scales.1, index & 3)
  }
  @inline(__always) func minimum(_ index: Int) -> F256 {
    byteLanes(index < 4 ? minima.0 : minima.1, index & 3)
  }
}

extension Q4_K: LaneFormat {
  @inline(__always) static func factors(_ rows: EightRows) -> SixBitFactors { SixBitFactors(rows) }
  @inline(__always) static func scaleUnit(_ f: SixBitFactors) -> F256 { f.scaleUnit }
  @inline(__always) static func minimumUnit(_ f: SixBitFactors) -> F256 { f.minimumUnit }
  @inline(__always) static func scale(_ f: SixBitFactors, _ index: Int) -> F256 { f.scale(index) }
  @inline(__always) static func minimum(_ f: SixBitFactors, _ index: Int) -> F256 { f.minimum(index) }

  @inline(__always) static func forEachSubBlock(_ rows: EightRows, _ body: (Int, Units) -> Void) {
    @inline(__always) func pair(_ index: Int) {
      let both = rows.units(16 + 32 * index)
      body(2 * index, both.and(0x0F))
      body(2 * index + 1, both.shiftedRight(4).and(0x0F))
    }
    pair(0)
    pair(1)
    pair(2)
    pair(3)
  }
}

extension Q5_K: LaneFormat {
  @inline(__always) static func factors(_ rows: EightRows) -> SixBitFactors { SixBitFactors(rows) }
  @inline(__always) static func scaleUnit(_ f: SixBitFactors) -> F256 { f.scaleUnit }
  @inline(__always) static func minimumUnit(_ f: SixBitFactors) -> F256 { f.minimumUnit }
  @inline(__always) static func scale(_ f: SixBitFactors, _ index: Int) -> F256 { f.scale(index) }
  @inline(__always) static func minimum(_ f: SixBitFactors, _ index: Int) -> F256 { f.minimum(index) }

  @inline(__always) static func forEachSubBlock(_ rows: EightRows, _ body: (Int, Units) -> Void) {
    let top = rows.units(16)
    @inline(__always) func pair(_ index: Int) {
      let both = rows.units(48 + 32 * index)
      let high = index < 2 ? top.shiftedLeft(Int32(4 - 2 * index)) : top.shiftedRight(Int32(2 * index - 4))
      let higher = index < 2 ? top.shiftedLeft(Int32(3 - 2 * index)) : top.shiftedRight(Int32(2 * index - 3))
      body(2 * index, both.and(0x0F).or(high.and(0x10)))
      body(2 * index + 1, both.shiftedRight(4).and(0x0F).or(higher.and(0x10)))
    }
    pair(0)
    pair(1)
    pair(2)
    pair(3)
  }
}

/// Sixteen signed 8-bit scales, four a register, and one unit.
struct SignedFactors {
  let scales: (I256, I256, I256, I256)
  let unit: F256
}

extension Q6_K: LaneFormat {
  @inline(__always) static func factors(_ rows: EightRows) -> SignedFactors {
    SignedFactors(scales: rows.shortUnits(192), unit: rows.halves(208))
  }
  @inline(__always) static func scaleUnit(_ f: SignedFactors) -> F256 { f.unit }
  @inline(__always) static func minimumUnit(_ f: SignedFactors) -> F256 { splat(0) }
  @inline(__always) static func minimum(_ f: SignedFactors, _ index: Int) -> F256 { splat(0) }
  @inline(__always) static func scale(_ f: SignedFactors, _ index: Int) -> F256 {
    switch index >> 2 {
    case 0: signedByteLanes(f.scales.0, index & 3)
    case 1: signedByteLanes(f.scales.1, index & 3)
    case 2: signedByteLanes(f.scales.2, index & 3)
    default: signedByteLanes(f.scales.3, index & 3)
    }
  }

  @inline(__always) static func forEachSubBlock(_ rows: EightRows, _ body: (Int, Units) -> Void) {
    @inline(__always) func half(_ index: Int) {
      let low = rows.units(64 * index), next = rows.units(64 * index + 32), top = rows.units(128 + 32 * index)
      body(4 * index, low.and(0x0F).or(top.shiftedLeft(4).and(0x30)))
      body(4 * index + 1, next.and(0x0F).or(top.shiftedLeft(2).and(0x30)))
      body(4 * index + 2, low.shiftedRight(4).and(0x0F).or(top.and(0x30)))
      body(4 * index + 3, next.shiftedRight(4).and(0x0F).or(top.shiftedRight(2).and(0x30)))
    }
    half(0)
    half(1)
  }
}
