import _Builtin_intrinsics.intel

/// A format whose blocks of 256 can be unpacked for sixteen rows at a time, a row in each lane: what decoding reads.
protocol LaneFormat: CodeFormat {
  /// The scales of one block of sixteen rows, still packed.
  associatedtype Factors
  static func factors(_ rows: SixteenRows) -> Factors
  /// What multiplies every `scale`, and every minimum.
  static func scaleUnit(_ factors: Factors) -> F512
  static func minimumUnit(_ factors: Factors) -> F512
  /// The integer scale of group `index`.
  static func scale(_ factors: Factors, _ index: Int) -> F512
  /// The eight minima, four bytes a lane.
  static func minima(_ factors: Factors) -> (I512, I512)
  /// Calls `body` with every sub-block in order: its index, its unsigned codes, and by how many bits those are shifted
  /// to the left.
  static func forEachSubBlock(_ rows: SixteenRows, _ body: (Int, Units, UInt32) -> Void)
}

/// The header that Q4_K and Q5_K share: two half-precision units, then 12 bytes of 6-bit scales and minima, of which
/// numbers 0–3 and 4–7 are one byte each of a lane.
struct SixBitFactors {
  let scaleUnit: F512
  let minimumUnit: F512
  let scales: (I512, I512)
  let minima: (I512, I512)

  @inline(__always) init(_ rows: SixteenRows) {
    let (units, a, b, c) = rows.shortUnits(0)
    let low = bytes512(0x3F), four = bytes512(0x0F), two = bytes512(0x30)
    @inline(__always) func top(_ v: I512) -> I512 { _mm512_and_si512(_mm512_srli_epi32(v, 2), two) }
    scales = (_mm512_and_si512(a, low), _mm512_or_si512(_mm512_and_si512(c, four), top(a)))
    minima = (
      _mm512_and_si512(b, low), _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi32(c, 4), four), top(b))
    )
    scaleUnit = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(units))
    minimumUnit = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(units, 16)))
  }

  @inline(__always) func scale(_ index: Int) -> F512 {
    byteLanes(index < 4 ? scales.0 : scales.1, index & 3)
  }
}

/// Formats with that header.
protocol SixBitLanes: LaneFormat where Factors == SixBitFactors {}

extension SixBitLanes {
  @inline(__always) static func factors(_ rows: SixteenRows) -> SixBitFactors { SixBitFactors(rows) }
  @inline(__always) static func scaleUnit(_ f: SixBitFactors) -> F512 { f.scaleUnit }
  @inline(__always) static func minimumUnit(_ f: SixBitFactors) -> F512 { f.minimumUnit }
  @inline(__always) static func scale(_ f: SixBitFactors, _ index: Int) -> F512 { f.scale(index) }
  @inline(__always) static func minima(_ f: SixBitFactors) -> (I512, I512) { f.minima }
}

extension Q4_K: SixBitLanes {
  @inline(__always) static func forEachSubBlock(_ rows: SixteenRows, _ body: (Int, Units, UInt32) -> Void) {
    @inline(__always) func pair(_ index: Int) {
      let both = rows.units(16 + 32 * index)
      body(2 * index, both.and(0x0F), 0)
      body(2 * index + 1, both.and(0xF0), 4)
    }
    pair(0)
    pair(1)
    pair(2)
    pair(3)
  }
}

extension Q5_K: SixBitLanes {
  @inline(__always) static func forEachSubBlock(_ rows: SixteenRows, _ body: (Int, Units, UInt32) -> Void) {
    let top = rows.units(16)
    @inline(__always) func pair(_ index: Int) {
      let both = rows.units(48 + 32 * index)
      let high = index < 2 ? top.shiftedLeft(UInt32(4 - 2 * index)) : top.shiftedRight(UInt32(2 * index - 4))
      let higher =
        index < 2 ? top.shiftedLeft(UInt32(3 - 2 * index)) : top.shiftedRight(UInt32(2 * index - 3))
      body(2 * index, both.and(0x0F).or(high.and(0x10)), 0)
      body(2 * index + 1, both.shiftedRight(4).and(0x0F).or(higher.and(0x10)), 0)
    }
    pair(0)
    pair(1)
    pair(2)
    pair(3)
  }
}

/// Sixteen signed 8-bit scales, four a register, and one unit.
struct SignedFactors {
  let scales: (I512, I512, I512, I512)
  let unit: F512
}

extension Q6_K: LaneFormat {
  @inline(__always) static func factors(_ rows: SixteenRows) -> SignedFactors {
    SignedFactors(scales: rows.shortUnits(192), unit: rows.halves(208))
  }
  @inline(__always) static func scaleUnit(_ f: SignedFactors) -> F512 { f.unit }
  @inline(__always) static func minimumUnit(_ f: SignedFactors) -> F512 { splat512(0) }
  @inline(__always) static func minima(_ f: SignedFactors) -> (I512, I512) {
    (_mm512_setzero_si512(), _mm512_setzero_si512())
  }
  @inline(__always) static func scale(_ f: SignedFactors, _ index: Int) -> F512 {
    switch index >> 2 {
    case 0: signedByteLanes(f.scales.0, index & 3)
    case 1: signedByteLanes(f.scales.1, index & 3)
    case 2: signedByteLanes(f.scales.2, index & 3)
    default: signedByteLanes(f.scales.3, index & 3)
    }
  }

  @inline(__always) static func forEachSubBlock(_ rows: SixteenRows, _ body: (Int, Units, UInt32) -> Void) {
    @inline(__always) func half(_ index: Int) {
      let low = rows.units(64 * index), next = rows.units(64 * index + 32), top = rows.units(128 + 32 * index)
      body(4 * index, low.and(0x0F).or(top.shiftedLeft(4).and(0x30)), 0)
      body(4 * index + 1, next.and(0x0F).or(top.shiftedLeft(2).and(0x30)), 0)
      body(4 * index + 2, low.shiftedRight(4).and(0x0F).or(top.and(0x30)), 0)
      body(4 * index + 3, next.shiftedRight(4).and(0x0F).or(top.shiftedRight(2).and(0x30)), 0)
    }
    half(0)
    half(1)
  }
}
