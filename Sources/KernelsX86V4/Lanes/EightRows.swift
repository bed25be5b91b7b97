import _Builtin_intrinsics.intel

/// Eight rows of packed weights, `stride` bytes apart, seen at one block.
struct EightRows {
  let base: UnsafeRawPointer
  let stride: Int

  @inline(__always) func row(_ index: Int) -> UnsafeRawPointer { base + index * stride }

  /// The same rows, `bytes` further on.
  @inline(__always) func advanced(_ bytes: Int) -> EightRows { EightRows(base: base + bytes, stride: stride) }

  /// 32 bytes of each row as eight units: lane `r` of unit `i` holds bytes `4i ..< 4i + 4` of row `r`.
  @inline(__always) func units(_ offset: Int) -> Units {
    let t = transpose8(
      load256(row(0), offset), load256(row(1), offset), load256(row(2), offset), load256(row(3), offset),
      load256(row(4), offset), load256(row(5), offset), load256(row(6), offset), load256(row(7), offset))
    return Units(t.0, t.1, t.2, t.3, t.4, t.5, t.6, t.7)
  }

  /// 16 bytes of each row as four units.
  @inline(__always) func shortUnits(_ offset: Int) -> (I256, I256, I256, I256) {
    @inline(__always) func pair(_ i: Int) -> I256 {
      join(load128(row(i), offset), load128(row(i + 4), offset))
    }
    let r0 = pair(0), r1 = pair(1), r2 = pair(2), r3 = pair(3)
    let a = _mm256_unpacklo_epi32(r0, r1), b = _mm256_unpackhi_epi32(r0, r1)
    let c = _mm256_unpacklo_epi32(r2, r3), d = _mm256_unpackhi_epi32(r2, r3)
    return (
      _mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c), _mm256_unpacklo_epi64(b, d),
      _mm256_unpackhi_epi64(b, d)
    )
  }

  /// One half-precision number of each row as floats.
  @inline(__always) func halves(_ offset: Int) -> F256 { halvesOfEight(base + offset, stride: stride) }
}

/// The 32 codes of one sub-block of eight rows: lane `r` of unit `i` holds codes `4i ..< 4i + 4` of row `r`.
struct Units {
  let u0: I256, u1: I256, u2: I256, u3: I256, u4: I256, u5: I256, u6: I256, u7: I256

  @inline(__always) init(
    _ u0: I256, _ u1: I256, _ u2: I256, _ u3: I256, _ u4: I256, _ u5: I256, _ u6: I256, _ u7: I256
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
  @inline(__always) var lower: (I256, I256, I256, I256) { (u0, u1, u2, u3) }
  @inline(__always) var upper: (I256, I256, I256, I256) { (u4, u5, u6, u7) }

  @inline(__always) func map(_ f: (I256) -> I256) -> Units {
    Units(f(u0), f(u1), f(u2), f(u3), f(u4), f(u5), f(u6), f(u7))
  }

  @inline(__always) func combined(_ other: Units, _ f: (I256, I256) -> I256) -> Units {
    Units(
      f(u0, other.u0), f(u1, other.u1), f(u2, other.u2), f(u3, other.u3), f(u4, other.u4), f(u5, other.u5),
      f(u6, other.u6), f(u7, other.u7))
  }

  @inline(__always) func and(_ mask: Int8) -> Units {
    let m = splat8(mask)
    return map { _mm256_and_si256($0, m) }
  }

  @inline(__always) func shiftedRight(_ bits: Int32) -> Units { map { _mm256_srli_epi16($0, bits) } }
  @inline(__always) func shiftedLeft(_ bits: Int32) -> Units { map { _mm256_slli_epi16($0, bits) } }
  @inline(__always) func or(_ other: Units) -> Units { combined(other) { _mm256_or_si256($0, $1) } }
}

/// Byte `index` of every 32-bit lane as a float: unsigned, or signed.
@inline(__always) func byteLanes(_ v: I256, _ index: Int) -> F256 {
  toFloat(_mm256_and_si256(_mm256_srli_epi32(v, Int32(8 * index)), _mm256_set1_epi32(255)))
}

@inline(__always) func signedByteLanes(_ v: I256, _ index: Int) -> F256 {
  toFloat(_mm256_srai_epi32(_mm256_slli_epi32(v, Int32(24 - 8 * index)), 24))
}
