/// A 128-bit fingerprint of an adapter's content, for telling adapters apart; not a defence against forgery.
///
/// Two independent 64-bit multiply-and-rotate accumulators with the finalizer of SplitMix64 (Steele et al. 2014).
/// Complexity: one pass, several GB/s.
package struct ContentHash: Sendable, Hashable, CustomStringConvertible {
  private var first: UInt64 = 0x9E37_79B9_7F4A_7C15
  private var second: UInt64 = 0xD1B5_4A32_D192_ED03
  private var length: UInt64 = 0

  package init() {}

  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var a = first, b = second
    var i = 0
    while i + 16 <= bytes.count {
      a = Self.mix(a, bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
      b = Self.mix(b, bytes.loadUnaligned(fromByteOffset: i + 8, as: UInt64.self))
      i += 16
    }
    while i < bytes.count {
      a = Self.mix(a, UInt64(bytes[i]) | 0x100)
      i += 1
    }
    first = a
    second = Self.mix(b, a)
    length &+= UInt64(bytes.count)
  }

  package mutating func add(_ text: String) {
    var copy = text
    copy.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }

  package mutating func add(_ number: UInt64) {
    withUnsafeBytes(of: number.littleEndian) { add($0) }
  }

  private static func mix(_ state: UInt64, _ word: UInt64) -> UInt64 {
    let product = (state ^ word) &* 0xFF51_AFD7_ED55_8CCD
    return product ^ (product >> 32)
  }

  private static func finish(_ state: UInt64) -> UInt64 {
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// 32 hexadecimal digits.
  package var description: String {
    func hex(_ word: UInt64) -> String {
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return hex(Self.finish(first ^ length)) + hex(Self.finish(second &+ length))
  }
}
