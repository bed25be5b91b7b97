/// `exp` and `log` from additions and multiplications only, so that every machine gets the same bits.
///
/// The C library's versions differ in the last place between libraries and processors, which would let a seeded
/// draw near a boundary fall on either side.
enum PortableMath {
  /// eˣ within 2 units in the last place for x in -700...0; exactly 0 below -700, exactly 1 at 0.
  ///
  /// x = n·ln 2 + r with |r| ≤ ln 2 / 2, then the Taylor series of eʳ to r¹³ (the next term is below 2⁻⁵⁷).
  /// Branch-free, so that loops over it can become vector code.
  ///
  /// - Precondition: `x` is at most 700 and not NaN.
  @inline(__always)
  static func exp(_ x: Double) -> Double {
    let clamped = x < -700 ? -700 : x
    // Adding 1.5 × 2⁵² rounds to an integer and leaves it in the low bits of the significand.
    let shifted = clamped * 0x1.71547652b82fep0 + 0x1.8p52
    let n = shifted - 0x1.8p52
    let r = (clamped - n * ln2High) - n * ln2Low
    var p = 1.0 / 6_227_020_800
    p = p * r + 1.0 / 479_001_600
    p = p * r + 1.0 / 39_916_800
    p = p * r + 1.0 / 3_628_800
    p = p * r + 1.0 / 362_880
    p = p * r + 1.0 / 40_320
    p = p * r + 1.0 / 5_040
    p = p * r + 1.0 / 720
    p = p * r + 1.0 / 120
    p = p * r + 1.0 / 24
    p = p * r + 1.0 / 6
    p = p * r + 0.5
    p = p * r + 1
    p = p * r + 1
    // The low bits of `shifted` are n in two's complement: moved up, they are added to the exponent of p.
    let result = Double(bitPattern: p.bitPattern &+ (shifted.bitPattern << 52))
    return x < -700 ? 0 : result
  }

  /// ln x for positive, finite, normal x, within 2 units in the last place away from 1; -infinity at 0.
  ///
  /// x = m·2ⁿ with m in √½...√2, then ln m = 2 artanh((m - 1) / (m + 1)) as a series.
  static func log(_ x: Double) -> Double {
    guard x > 0 else { return -.infinity }
    var m = x.significand
    var n = Double(x.exponent)
    if m > 1.4142135623730951 {
      m /= 2
      n += 1
    }
    let s = (m - 1) / (m + 1)
    let square = s * s
    var p = 0.0
    // |s| ≤ 0.172: the first term left out, s²³/23, is below 2⁻⁶².
    for divisor in stride(from: 21.0, through: 1, by: -2) {
      p = p * square + 1 / divisor
    }
    return n * ln2High + (n * ln2Low + 2 * s * p)
  }

  // ln 2 in two parts: the high one has 21 trailing zero bits, so n × high is exact for |n| < 2²¹.
  private static let ln2High = 0x1.62e42fee00000p-1
  private static let ln2Low = 0x1.a39ef35793c76p-33
}
