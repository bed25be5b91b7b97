/// The bytes of every token, by id, and the id of a byte string.
///
/// Swift's `String` is not used as the key: it compares by canonical equivalence, and "é" in one scalar or in two are
/// different tokens. Open addressing with linear probing, at most half full; look-up is O(length) expected. The hash is
/// seeded at random, so a file cannot be made to collide.
package struct TokenTable: Sendable {
  private var bytes: [UInt8] = []
  private var starts: [UInt32] = [0]
  /// High half: the hash's; low half: id + 1. Zero: empty.
  private var slots: [UInt64]
  private let mask: Int
  private let seed = UInt64.random(in: .min ... .max)
  /// The longest byte string that `id(of:)` can find.
  private(set) var longest = 0

  package init(capacity: Int, byteCount: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = [UInt64](repeating: 0, count: size)
    mask = size - 1
    starts.reserveCapacity(capacity + 1)
    bytes.reserveCapacity(byteCount)
  }

  package var count: Int { starts.count - 1 }

  func range(of id: Int) -> Range<Int> {
    Int(starts[id])..<Int(starts[id + 1])
  }

  package func bytes(of id: Int) -> ArraySlice<UInt8> {
    bytes[range(of: id)]
  }

  /// Gives the next id these bytes, without making them findable.
  package mutating func append(_ token: some Sequence<UInt8>) {
    bytes.append(contentsOf: token)
    starts.append(UInt32(bytes.count))
  }

  /// Makes a token findable by its bytes. Returns the other id if one with the same bytes is there already.
  package mutating func makeFindable(_ id: Int) -> Int? {
    let range = range(of: id)
    let hash = TokenTable.hash(bytes.span, range.lowerBound, range.upperBound, seed)
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      if slots[slot] >> 32 == hash >> 32 {
        let other = Int(slots[slot] & 0xFFFF_FFFF) - 1
        if bytes[self.range(of: other)] == bytes[range] { return other }
      }
      slot = (slot + 1) & mask
    }
    slots[slot] = (hash >> 32) << 32 | UInt64(id + 1)
    longest = max(longest, range.count)
    return nil
  }

  package func id(of text: Span<UInt8>, from start: Int, to end: Int) -> Int? {
    guard end - start <= longest else { return nil }
    let hash = TokenTable.hash(text, start, end, seed)
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      if slots[slot] >> 32 == hash >> 32 {
        let id = Int(slots[slot] & 0xFFFF_FFFF) - 1
        if equals(id, text, start, end) { return id }
      }
      slot = (slot + 1) & mask
    }
    return nil
  }

  @inline(__always)
  private func equals(_ id: Int, _ text: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let first = Int(starts[id])
    guard Int(starts[id + 1]) - first == end - start else { return false }
    for offset in 0..<(end - start) where bytes[first + offset] != text[start + offset] { return false }
    return true
  }

  /// FNV-1a with a seed, and the high bits folded in.
  @inline(__always)
  private static func hash(_ text: Span<UInt8>, _ start: Int, _ end: Int, _ seed: UInt64) -> UInt64 {
    var hash = seed
    for index in start..<end {
      hash = (hash ^ UInt64(text[index])) &* 0x100_0000_01B3
    }
    let product = (hash ^ UInt64(end - start)).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return product.high ^ product.low
  }
}
