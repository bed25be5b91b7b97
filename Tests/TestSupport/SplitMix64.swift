import Foundation

/// A small random number generator that gives the same numbers from the same seed, on every platform.
///
/// For test data only. Algorithm: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014),
/// with the constants of Vigna's public-domain `splitmix64.c`. Seed 0 gives 0xE220A8397B1DCDAF first.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in 0 ..< 1, with 24 random bits. (`Float.random` may change with the standard library; this cannot.)
  package mutating func uniform() -> Float {
    Float(next() >> 40) * 0x1p-24
  }

  /// Normally distributed with mean 0 and deviation 1 (Box and Muller's method); the logarithm's argument is never 0.
  package mutating func normal() -> Float {
    let radius = (-2 * log(1 - Double(next() >> 11) * 0x1p-53)).squareRoot()
    return Float(radius * cos(2 * .pi * Double(next() >> 11) * 0x1p-53))
  }

  /// `count` numbers, uniform in `range`.
  package mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
    (0..<count).map { _ in range.lowerBound + uniform() * (range.upperBound - range.lowerBound) }
  }

  /// `count` normally distributed numbers times `deviation`.
  package mutating func normals(_ count: Int, deviation: Float = 1) -> [Float] {
    (0..<count).map { _ in normal() * deviation }
  }

  /// `count` random bytes.
  package mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 56) }
  }
}
