/// The loop that both kinds of BPE share: join the adjacent pair of highest priority until no pair can be joined.
///
/// Symbols are stretches of the text. What pairs join, in which order, is the caller's: `pairOf` gives for two adjacent
/// symbols (priority << 32 | id of the result), a smaller priority first, or `PairTable.absent`. Ties go to the leftmost.
/// Short words are searched linearly; long ones, and any hostile text, take a heap: O(n log n).
package struct SymbolMerger {
  package struct Symbol {
    /// Where the symbol starts in the text.
    package var start: Int
    /// The token, or `SymbolMerger.noToken`.
    package var id: UInt32
    /// What `pairOf` said of this symbol and the next.
    var pair = PairTable.absent

    package init(start: Int, id: UInt32) {
      self.start = start
      self.id = id
    }
  }

  static let noToken = UInt32.max
  /// Up to this many symbols a scan beats a heap.
  private static let scanLimit = 40

  /// The symbols of the word: set by the caller, merged by `merge`.
  package var symbols: [Symbol] = []
  private var queue = MergeQueue()
  private var next: [Int32] = []
  private var previous: [Int32] = []

  package init() {}

  @inline(__always)
  package mutating func merge(limit: Int, pairOf: (Symbol, Symbol, _ end: Int) -> UInt64) {
    if symbols.count <= SymbolMerger.scanLimit {
      mergeByScanning(limit, pairOf)
    } else {
      mergeByQueue(limit, pairOf)
    }
  }

  @inline(__always)
  private mutating func mergeByScanning(_ limit: Int, _ pairOf: (Symbol, Symbol, Int) -> UInt64) {
    var count = symbols.count
    guard count > 1 else { return }
    for index in 0..<count - 1 {
      let end = index + 2 < count ? symbols[index + 2].start : limit
      symbols[index].pair = pairOf(symbols[index], symbols[index + 1], end)
    }
    while true {
      var best = PairTable.absent
      var position = -1
      for index in 0..<count - 1 where symbols[index].pair >> 32 < best >> 32 {
        best = symbols[index].pair
        position = index
      }
      guard position >= 0 else { break }
      symbols[position].id = UInt32(best & 0xFFFF_FFFF)
      for index in position + 1..<count - 1 { symbols[index] = symbols[index + 1] }
      count -= 1
      symbols.removeLast()
      refresh(position, count, limit, pairOf)
      if position > 0 { refresh(position - 1, count, limit, pairOf) }
    }
  }

  @inline(__always)
  private mutating func refresh(
    _ index: Int, _ count: Int, _ limit: Int, _ pairOf: (Symbol, Symbol, Int) -> UInt64
  ) {
    guard index + 1 < count else {
      symbols[index].pair = PairTable.absent
      return
    }
    let end = index + 2 < count ? symbols[index + 2].start : limit
    symbols[index].pair = pairOf(symbols[index], symbols[index + 1], end)
  }

  /// A heap of (priority, position) and a linked list of symbols. An entry counts only while it says what the symbol at
  /// its position says; outdated ones are skipped.
  private mutating func mergeByQueue(_ limit: Int, _ pairOf: (Symbol, Symbol, Int) -> UInt64) {
    let count = symbols.count
    next = (0..<Int32(count)).map { $0 + 1 }
    previous = (0..<Int32(count)).map { $0 - 1 }
    queue.removeAll()
    for index in 0..<count { update(index, count, limit, pairOf) }
    while let entry = queue.pop() {
      let position = Int(entry & 0xFFFF_FFFF)
      let pair = symbols[position].pair
      guard pair != PairTable.absent, pair >> 32 == entry >> 32 else { continue }
      let right = Int(next[position])
      symbols[position].id = UInt32(pair & 0xFFFF_FFFF)
      symbols[right].pair = PairTable.absent
      let after = next[right]
      next[position] = after
      if Int(after) < count { previous[Int(after)] = Int32(position) }
      update(position, count, limit, pairOf)
      if previous[position] >= 0 { update(Int(previous[position]), count, limit, pairOf) }
    }
    var kept = 0
    var index = 0
    while index < count {
      symbols[kept] = symbols[index]
      kept += 1
      index = Int(next[index])
    }
    symbols.removeLast(count - kept)
  }

  private mutating func update(
    _ index: Int, _ count: Int, _ limit: Int, _ pairOf: (Symbol, Symbol, Int) -> UInt64
  ) {
    let right = Int(next[index])
    guard right < count else {
      symbols[index].pair = PairTable.absent
      return
    }
    let after = Int(next[right])
    let end = after < count ? symbols[after].start : limit
    let pair = pairOf(symbols[index], symbols[right], end)
    symbols[index].pair = pair
    if pair != PairTable.absent { queue.push((pair >> 32) << 32 | UInt64(index)) }
  }
}
