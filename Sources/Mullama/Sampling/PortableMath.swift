/// `exp` and `log` from additions and multiplications only, so that every machine gets the same bits.
///
/// The C library's versions differ in the last place between libraries and processors, which would let a seeded
/// draw near a boundary fall on either side.
package enum PortableMath {
  /// eˣ of four values within 2 units in the last place for x in -700...0; exactly 0 below -700, exactly 1 at 0.
  ///
  /// x = n·ln 2 + r with |r| ≤ ln 2 / 2, then the Taylor series of eʳ to r¹³ (the next term is below 2⁻⁵⁷).
  ///
  /// - Precondition: no value is above 700 or NaN.
  @inline(__always)
  static func exp(_ x: SIMD4<Double>) -> SIMD4<Double> {
    let underflows = x .< -700
    let clamped = x.replacing(with: -700, where: underflows)
    // Adding 1.5 × 2⁵² rounds to an integer and leaves it in the low bits of the significand.
    let shifted = clamped * 0x1.71547652b82fep0 + 0x1.8p52
    let n = shifted - 0x1.8p52
    let r = (clamped - n * ln2High) - n * ln2Low
    var p = r * (1.0 / 6_227_020_800) + 1.0 / 479_001_600
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
    let exponents = unsafeBitCast(shifted, to: SIMD4<UInt64>.self) &<< 52
    let scaled = unsafeBitCast(unsafeBitCast(p, to: SIMD4<UInt64>.self) &+ exponents, to: SIMD4<Double>.self)
    return scaled.replacing(with: 0, where: underflows)
  }

  /// eˣ, the same as in a vector.
  package static func exp(_ x: Double) -> Double {
    exp(SIMD4(repeating: x))[0]
  }

  /// The sum of exp(valueᵢ - maximum) over 0..<count, each value at most `maximum`.
  ///
  /// Four running sums (i mod 4), added at the end, left to right: a fixed order, whatever the machine.
  @inline(__always)
  static func sumOfExponentials(_ count: Int, minus maximum: Float, value: (Int) -> Float) -> Double {
    let maximum = Double(maximum)
    var sums = SIMD4<Double>()
    var index = 0
    while index + 4 <= count {
      let values = SIMD4(
        Double(value(index)), Double(value(index + 1)), Double(value(index + 2)), Double(value(index + 3)))
      sums += exp(values - maximum)
      index += 4
    }
    var rest = SIMD4<Double>(repeating: -.infinity)
    for lane in 0..<(count - index) {
      rest[lane] = Double(value(index + lane)) - maximum
    }
    sums += exp(rest)
    return sums[0] + sums[1] + sums[2] + sums[3]
  }

  /// ln x for positive, finite, normal x, within 2 units in the last place away from 1; -infinity at 0.
  ///
  /// x = m·2ⁿ with m in √½...√2, then ln m = 2 artanh((m - 1) / (m + 1)) as a series.
  package static func log(_ x: Double) -> Double {
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
