/// A hash table from two 32-bit numbers to a 64-bit value: merges by their parts, the edges of a trie.
///
/// Open addressing with linear probing, at most half full. The multiplier is random, so a file cannot be made to collide.
package struct PairTable: Sendable {
  package static let absent = UInt64.max

  /// Key and value alternate; the key is the pair, the value `absent` in an empty slot.
  private var slots: [UInt64]
  private var count = 0
  private var shift: UInt64
  private let multiplier = UInt64.random(in: .min ... .max) | 1

  package init(capacity: Int) {
    var bits: UInt64 = 4
    while (1 << bits) < capacity * 2 { bits += 1 }
    slots = [UInt64](repeating: PairTable.absent, count: 2 << bits)
    shift = 64 - bits
  }

  /// The value of a pair, or `absent`.
  @inline(__always)
  package subscript(left: UInt32, right: UInt32) -> UInt64 {
    let key = UInt64(left) << 32 | UInt64(right)
    let mask = slots.count - 1
    var slot = start(key)
    while slots[slot + 1] != PairTable.absent {
      if slots[slot] == key { return slots[slot + 1] }
      slot = (slot + 2) & mask
    }
    return PairTable.absent
  }

  /// Adds a pair. Returns false, and changes nothing, if it is there already.
  package mutating func insert(_ left: UInt32, _ right: UInt32, _ value: UInt64) -> Bool {
    precondition(value != PairTable.absent)
    if (count + 1) * 4 > slots.count { grow() }
    let key = UInt64(left) << 32 | UInt64(right)
    let mask = slots.count - 1
    var slot = start(key)
    while slots[slot + 1] != PairTable.absent {
      if slots[slot] == key { return false }
      slot = (slot + 2) & mask
    }
    slots[slot] = key
    slots[slot + 1] = value
    count += 1
    return true
  }

  @inline(__always)
  private func start(_ key: UInt64) -> Int {
    let product = key.multipliedFullWidth(by: multiplier)
    return Int(((product.high ^ product.low) &* 0x9E37_79B9_7F4A_7C15) >> shift) * 2
  }

  private mutating func grow() {
    let old = slots
    slots = [UInt64](repeating: PairTable.absent, count: old.count * 2)
    shift -= 1
    count = 0
    for slot in stride(from: 0, to: old.count, by: 2) where old[slot + 1] != PairTable.absent {
      _ = insert(UInt32(old[slot] >> 32), UInt32(old[slot] & 0xFFFF_FFFF), old[slot + 1])
    }
  }
}
