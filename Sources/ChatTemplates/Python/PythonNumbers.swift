#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Android)
  import Android
#endif

/// `left` to the power `right`, from the C library: the standard library has none.
func realPower(_ left: Double, _ right: Double) -> Double { pow(left, right) }

extension Double {
  /// Python's `repr`: the shortest digits that read back as the same number, `1.0`, `1e+16`, `1e-05`.
  package var pythonText: String {
    if isNaN { return "nan" }
    if isInfinite { return self < 0 ? "-inf" : "inf" }
    let sign = self.sign == .minus ? "-" : ""
    if self == 0 { return sign + "0.0" }
    let (digits, exponent) = shortestDigits
    // The value is 0.d₁d₂d₃… × 10^(exponent + 1).
    if exponent < -4 || exponent >= 16 {
      let tail = digits.dropFirst()
      let magnitude = abs(exponent)
      return sign + digits.prefix(1) + (tail.isEmpty ? "" : "." + tail) + "e" + (exponent < 0 ? "-" : "+")
        + (magnitude < 10 ? "0" : "") + String(magnitude)
    }
    if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
    if digits.count <= exponent + 1 {
      return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
    }
    return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
  }

  /// The shortest digits that identify this finite, nonzero number, and the decimal exponent of the first.
  var shortestDigits: (digits: String, exponent: Int) {
    var mantissa = magnitude.description
    var exponent = 0
    if let mark = mantissa.firstIndex(of: "e") {
      exponent = Int(mantissa[mantissa.index(after: mark)...]) ?? 0
      mantissa = String(mantissa[..<mark])
    }
    let parts = mantissa.split(separator: ".", omittingEmptySubsequences: false)
    let whole = String(parts[0])
    var digits = whole + (parts.count > 1 ? parts[1] : "")
    exponent += whole.count - 1
    while digits.count > 1, digits.first == "0" {
      digits.removeFirst()
      exponent -= 1
    }
    while digits.count > 1, digits.last == "0" { digits.removeLast() }
    return (digits, exponent)
  }

  /// The exact value as `digits × 10^-scale`, for a finite number: every double has a finite decimal expansion.
  ///
  /// - Complexity: up to a thousand long multiplications for the smallest numbers.
  private var exactDecimal: (digits: [UInt8], scale: Int) {
    let bits = magnitude.bitPattern
    let isNormal = (bits >> 52) != 0
    var significand = (bits & 0xF_FFFF_FFFF_FFFF) | (isNormal ? 1 << 52 : 0)
    var exponent = Int(bits >> 52) - 1075 + (isNormal ? 0 : 1)
    guard significand != 0 else { return ([0], 0) }
    let shift = significand.trailingZeroBitCount
    significand >>= shift
    exponent += shift
    // m × 2^-k is m × 5^k × 10^-k.
    var number = LongNumber(significand)
    for _ in 0..<exponent.magnitude { number.multiply(by: exponent < 0 ? 5 : 2) }
    return (number.decimalDigits, max(0, -exponent))
  }

  /// C's `%.*f` of the magnitude: rounded half to even at `places` digits after the point.
  package func fixedDigits(places: Int) -> String {
    let (digits, scale) = exactDecimal
    let kept = digits.count - scale + places
    var rounded = Self.rounded(digits, keeping: kept)
    if kept > digits.count { rounded += Array(repeating: 0, count: kept - digits.count) }
    if rounded.count <= places { rounded = Array(repeating: 0, count: places + 1 - rounded.count) + rounded }
    let text = Self.text(rounded)
    return places > 0 ? text.dropLast(places) + "." + text.suffix(places) : text
  }

  /// The first `count` significant digits of the magnitude, rounded half to even, and the decimal exponent of the first.
  func significantDigits(_ count: Int) -> (digits: String, exponent: Int) {
    let (digits, scale) = exactDecimal
    var exponent = self == 0 ? 0 : digits.count - scale - 1
    var rounded = Self.rounded(digits, keeping: count)
    if rounded.count > min(count, digits.count) {
      rounded.removeLast()
      exponent += 1
    }
    return (Self.text(rounded) + String(repeating: "0", count: max(0, count - rounded.count)), exponent)
  }

  /// The first `count` of `digits` (none if negative), rounded half to even; a carry adds a digit in front.
  private static func rounded(_ digits: [UInt8], keeping count: Int) -> [UInt8] {
    guard count < digits.count else { return digits }
    guard count >= 0 else { return [] }
    var kept = Array(digits[..<count])
    let rest = digits[(count + 1)...].contains { $0 != 0 }
    let isOdd = (kept.last ?? 0) & 1 == 1
    guard digits[count] > 5 || digits[count] == 5 && (rest || isOdd) else { return kept }
    var place = kept.count - 1
    while place >= 0 {
      if kept[place] < 9 {
        kept[place] += 1
        return kept
      }
      kept[place] = 0
      place -= 1
    }
    return [1] + kept
  }

  private static func text(_ digits: [UInt8]) -> String {
    String(bytes: digits.lazy.map { $0 + 0x30 })
  }
}

/// A natural number of any size, in base 10⁹, least limb first.
private struct LongNumber {
  private static let base: UInt64 = 1_000_000_000
  private var limbs: [UInt32]

  init(_ value: UInt64) {
    limbs = []
    var rest = value
    repeat {
      limbs.append(UInt32(rest % Self.base))
      rest /= Self.base
    } while rest > 0
  }

  mutating func multiply(by factor: UInt64) {
    var carry: UInt64 = 0
    for index in limbs.indices {
      let product = UInt64(limbs[index]) * factor + carry
      limbs[index] = UInt32(product % Self.base)
      carry = product / Self.base
    }
    if carry > 0 { limbs.append(UInt32(carry)) }
  }

  var decimalDigits: [UInt8] {
    var digits: [UInt8] = []
    for limb in limbs {
      var rest = limb
      for _ in 0..<9 {
        digits.append(UInt8(rest % 10))
        rest /= 10
      }
    }
    while digits.count > 1, digits.last == 0 { digits.removeLast() }
    return digits.reversed()
  }
}
