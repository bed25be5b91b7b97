import CProcessor
import _Builtin_intrinsics.intel

/// Sixteen rows of packed weights, `stride` bytes apart, seen at one block.
struct SixteenRows {
  let base: UnsafeRawPointer
  let stride: Int

  @inline(__always) private func row(_ index: Int) -> UnsafeRawPointer { base + index * stride }

  /// The same rows, `bytes` further on.
  @inline(__always) func advanced(_ bytes: Int) -> SixteenRows {
    SixteenRows(base: base + bytes, stride: stride)
  }

  /// 32 bytes of each row as eight units: lane `r` of unit `i` holds bytes `4i ..< 4i + 4` of row `r`.
  @inline(__always) func units(_ offset: Int) -> Units {
    // Rows that end in the same quarter of a register are transposed in pairs: r and r + 4.
    @inline(__always) func pair(_ i: Int) -> I512 {
      mullama_join(load256(row(i), offset), load256(row(i + 4), offset))
    }
    let low = transposeQuarters(pair(0), pair(1), pair(2), pair(3))
    let high = transposeQuarters(pair(8), pair(9), pair(10), pair(11))
    return Units(
      mullama_even_quarters(low.0, high.0), mullama_even_quarters(low.1, high.1),
      mullama_even_quarters(low.2, high.2), mullama_even_quarters(low.3, high.3),
      mullama_odd_quarters(low.0, high.0), mullama_odd_quarters(low.1, high.1),
      mullama_odd_quarters(low.2, high.2), mullama_odd_quarters(low.3, high.3))
  }

  /// 16 bytes of each row as four units.
  @inline(__always) func shortUnits(_ offset: Int) -> (I512, I512, I512, I512) {
    @inline(__always) func four(_ i: Int) -> I512 {
      mullama_join(
        join(load128(row(i), offset), load128(row(i + 4), offset)),
        join(load128(row(i + 8), offset), load128(row(i + 12), offset)))
    }
    return transposeQuarters(four(0), four(1), four(2), four(3))
  }

  /// One half-precision number of each row as floats.
  @inline(__always) func halves(_ offset: Int) -> F512 {
    let low = halvesOfEight(base + offset, stride: stride)
    return F512(lowHalf: low, highHalf: halvesOfEight(row(8) + offset, stride: stride))
  }
}

/// Transposes 4 × 4 32-bit units within every 128 bits of four registers.
@inline(__always)
private func transposeQuarters(_ r0: I512, _ r1: I512, _ r2: I512, _ r3: I512) -> (I512, I512, I512, I512) {
  let a = _mm512_unpacklo_epi32(r0, r1), b = _mm512_unpackhi_epi32(r0, r1)
  let c = _mm512_unpacklo_epi32(r2, r3), d = _mm512_unpackhi_epi32(r2, r3)
  return (
    _mm512_unpacklo_epi64(a, c), _mm512_unpackhi_epi64(a, c), _mm512_unpacklo_epi64(b, d),
    _mm512_unpackhi_epi64(b, d)
  )
}

/// The 32 codes of one sub-block of sixteen rows: lane `r` of unit `i` holds codes `4i ..< 4i + 4` of row `r`.
struct Units {
  let u0: I512, u1: I512, u2: I512, u3: I512, u4: I512, u5: I512, u6: I512, u7: I512

  @inline(__always) init(
    _ u0: I512, _ u1: I512, _ u2: I512, _ u3: I512, _ u4: I512, _ u5: I512, _ u6: I512, _ u7: I512
  ) {
    self.u0 = u0
    self.u1 = u1
    self.u2 = u2
    self.u3 = u3
    self.u4 = u4
    self.u5 = u5
    self.u6 = u6
    self.u7 = u7
  }

  /// Codes 0–15, and 16–31.
  @inline(__always) var lower: (I512, I512, I512, I512) { (u0, u1, u2, u3) }
  @inline(__always) var upper: (I512, I512, I512, I512) { (u4, u5, u6, u7) }

  @inline(__always) func map(_ f: (I512) -> I512) -> Units {
    Units(f(u0), f(u1), f(u2), f(u3), f(u4), f(u5), f(u6), f(u7))
  }

  @inline(__always) func combined(_ other: Units, _ f: (I512, I512) -> I512) -> Units {
    Units(
      f(u0, other.u0), f(u1, other.u1), f(u2, other.u2), f(u3, other.u3), f(u4, other.u4), f(u5, other.u5),
      f(u6, other.u6), f(u7, other.u7))
  }

  @inline(__always) func and(_ mask: UInt8) -> Units {
    let m = bytes512(mask)
    return map { _mm512_and_si512($0, m) }
  }

  @inline(__always) func shiftedRight(_ bits: UInt32) -> Units { map { _mm512_srli_epi16($0, bits) } }
  @inline(__always) func shiftedLeft(_ bits: UInt32) -> Units { map { _mm512_slli_epi16($0, bits) } }
  @inline(__always) func or(_ other: Units) -> Units { combined(other) { _mm512_or_si512($0, $1) } }
}

/// Byte `index` of every 32-bit lane as a float: unsigned, or signed.
@inline(__always) func byteLanes(_ v: I512, _ index: Int) -> F512 {
  toFloat(_mm512_and_si512(_mm512_srli_epi32(v, UInt32(8 * index)), _mm512_set1_epi32(255)))
}

@inline(__always) func signedByteLanes(_ v: I512, _ index: Int) -> F512 {
  toFloat(_mm512_srai_epi32(_mm512_slli_epi32(v, UInt32(24 - 8 * index)), 24))
}
