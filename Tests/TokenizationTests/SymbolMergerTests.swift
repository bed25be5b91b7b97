import Testing

import Tokenization

struct SymbolMergerTests {
  /// The definition: always the leftmost pair of best priority, searched from the start. Quadratic.
  static func merged(_ ids: [UInt32], _ pairs: [UInt64: UInt64]) -> [UInt32] {
    var ids = ids
    while true {
      var best = UInt64.max
      var position = -1
      for index in ids.indices.dropLast() {
        if let pair = pairs[UInt64(ids[index]) << 32 | UInt64(ids[index + 1])], pair >> 32 < best >> 32 {
          best = pair
          position = index
        }
      }
      guard position >= 0 else { return ids }
      ids[position] = UInt32(best & 0xFFFF_FFFF)
      ids.remove(at: position + 1)
    }
  }

  /// Short words take the scan, long ones the heap; both must do what the definition does, with few priorities too.
  @Test(arguments: [UInt64(1), 2, 3, 4]) func mergesAsDefined(_ seed: UInt64) {
    var random = SplitMix(state: seed)
    for _ in 0..<60 {
      let alphabet = UInt32.random(in: 1...4, using: &random)
      var pairs: [UInt64: UInt64] = [:]
      let priorities = UInt64.random(in: 1...20, using: &random)
      for _ in 0..<20 {
        let left = UInt64.random(in: 0..<UInt64(alphabet) + 6, using: &random)
        let right = UInt64.random(in: 0..<UInt64(alphabet) + 6, using: &random)
        let result = UInt64.random(in: UInt64(alphabet)..<UInt64(alphabet) + 6, using: &random)
        pairs[left << 32 | right] = UInt64.random(in: 0..<priorities, using: &random) << 32 | result
      }
      var merger = SymbolMerger()
      for count in [0, 1, 2, 3, 39, 40, 41, 150] {
        let ids = (0..<count).map { _ in UInt32.random(in: 0..<alphabet, using: &random) }
        merger.symbols = ids.enumerated().map { SymbolMerger.Symbol(start: $0.offset, id: $0.element) }
        merger.merge(limit: count) { left, right, _ in
          pairs[UInt64(left.id) << 32 | UInt64(right.id)] ?? PairTable.absent
        }
        #expect(merger.symbols.map(\.id) == SymbolMergerTests.merged(ids, pairs))
      }
    }
  }
}
