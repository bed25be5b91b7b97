/// A token that may still be drawn. Never NaN or plus infinity.
struct Candidate: BitwiseCopyable, Sendable, Equatable {
  var token: Int32
  var logit: Float

  /// The order of all sorting and selecting: larger logit first, lower id on ties. Total, so that results do not
  /// depend on the algorithm.
  @inline(__always)
  static func precedes(_ a: Candidate, _ b: Candidate) -> Bool {
    a.logit > b.logit || (a.logit == b.logit && a.token < b.token)
  }
}

/// The tokens still in play, narrowed by one stage after another; never empty once selected.
///
/// Storage is allocated once, at init. Sorting is lazy: `sort(upTo:)` moves only as many of the best to the front as
/// a stage looks at (a heap behind them holds the rest), so a nucleus of 20 among 150,000 never sorts the others.
struct Candidates: Sendable {
  private var storage: [Candidate]

  /// How many remain: the first `count` of the storage.
  private(set) var count = 0

  /// The largest logit among them.
  private(set) var maximum: Float = -.infinity

  /// So many at the front are in order and precede all others.
  private var sortedCount = 0

  /// Whether the unsorted ones form a heap, its root at the end and its last element next to the sorted ones.
  private var restIsHeap = false

  init(capacity: Int) {
    storage = Array(repeating: Candidate(token: 0, logit: 0), count: capacity)
  }

  subscript(index: Int) -> Candidate {
    precondition(index < count)
    return storage[index]
  }

  /// Takes every token that is not forbidden (minus infinity), in the order of ids. O(n).
  mutating func selectAll(from logits: Span<Float>) throws(SamplingError) {
    precondition(logits.count <= storage.count)
    reset()
    var kept = 0
    var largest = -Float.infinity
    var span = storage.mutableSpan
    for index in 0..<logits.count {
      let logit = logits[index]
      // Most logits take this branch; minus infinity, NaN and plus infinity are sorted out below.
      if logit.isFinite {
        span[kept] = Candidate(token: Int32(truncatingIfNeeded: index), logit: logit)
        kept += 1
        largest = logit > largest ? logit : largest
      } else if logit != -.infinity {
        _ = try LogitScan.candidate(at: index, of: logits)
      }
    }
    guard kept > 0 else { throw .everyTokenForbidden }
    count = kept
    maximum = largest
  }

  /// Takes the `limit` best tokens, sorted. O(n) plus O(log limit) for each logit that beats the worst kept so far
  /// (about limit × ln(n / limit) of them when ids say nothing about logits).
  mutating func selectBest(_ limit: Int, from logits: Span<Float>) throws(SamplingError) {
    precondition(limit > 0 && limit <= storage.count)
    reset()
    var kept = 0
    var bound = -Float.infinity
    var span = storage.mutableSpan
    var index = LogitScan.firstIndex(above: bound, in: logits, from: 0)
    while index < logits.count {
      let candidate = try LogitScan.candidate(at: index, of: logits)
      // A heap with the worst at the root: that one goes when a better one comes. Ids rise, so a tie never does.
      if kept < limit {
        span[kept] = candidate
        kept += 1
        if kept == limit {
          for hole in stride(from: limit / 2 - 1, through: 0, by: -1) {
            Self.siftDown(&span, from: hole, size: limit, at: { $0 }, before: { Candidate.precedes($1, $0) })
          }
          bound = span[0].logit
        }
      } else {
        span[0] = candidate
        Self.siftDown(&span, from: 0, size: limit, at: { $0 }, before: { Candidate.precedes($1, $0) })
        bound = span[0].logit
      }
      index = LogitScan.firstIndex(above: bound, in: logits, from: index + 1)
    }
    guard kept > 0 else { throw .everyTokenForbidden }
    count = kept
    sort(upTo: kept)
    maximum = storage[0].logit
  }

  /// Makes the first `wanted` the best ones, in order. O(n) the first time, then O(log n) for each.
  mutating func sort(upTo wanted: Int) {
    precondition(wanted <= count)
    guard sortedCount < wanted else { return }
    let (count, wasHeap) = (count, restIsHeap)
    var sorted = sortedCount
    sortedCount = wanted
    restIsHeap = true
    var span = storage.mutableSpan
    // The heap lies mirrored, element i at count - 1 - i, so that it shrinks away from the sorted front.
    var size = count - sorted
    if !wasHeap {
      for hole in stride(from: size / 2 - 1, through: 0, by: -1) {
        Self.siftDown(&span, from: hole, size: size, at: { count - 1 - $0 }, before: Candidate.precedes)
      }
    }
    while sorted < wanted {
      span.swapAt(sorted, count - 1)
      sorted += 1
      size -= 1
      Self.siftDown(&span, from: 0, size: size, at: { count - 1 - $0 }, before: Candidate.precedes)
    }
  }

  /// Drops all but the best `kept`.
  mutating func truncate(to kept: Int) {
    precondition(kept > 0 && kept <= count)
    sort(upTo: kept)
    guard kept < count else { return }
    count = kept
    sortedCount = kept
    restIsHeap = false
  }

  /// Drops every candidate with a logit under `bound`, which must not exceed `maximum`. Keeps the order. O(n).
  mutating func removeAll(below bound: Float) {
    precondition(bound <= maximum)
    var kept = 0
    var keptSorted = 0
    let (count, sortedCount) = (count, sortedCount)
    var span = storage.mutableSpan
    for index in 0..<count where span[index].logit >= bound {
      span[kept] = span[index]
      kept += 1
      if index < sortedCount { keptSorted = kept }
    }
    guard kept < count else { return }
    self.count = kept
    self.sortedCount = keptSorted
    restIsHeap = false
  }

  /// Replaces every logit by (logit - maximum) / divisor, for a positive divisor; the order stays. O(n).
  ///
  /// Subtracting first keeps a small divisor from overflowing the best ones: they become 0.
  mutating func rescale(dividingBy divisor: Float) {
    let (count, maximum) = (count, maximum)
    self.maximum = 0
    var span = storage.mutableSpan
    for index in 0..<count {
      span[index].logit = (span[index].logit - maximum) / divisor
    }
  }

  /// The weight of a candidate in the softmax, before division by the sum of all: 1 for the best.
  @inline(__always)
  func weight(of candidate: Candidate) -> Double {
    PortableMath.exp(Double(candidate.logit) - Double(maximum))
  }

  /// The sum of all weights, in an order fixed by `PortableMath.sumOfExponentials`. At least 1.
  var totalWeight: Double {
    let span = storage.span
    return PortableMath.sumOfExponentials(count, minus: maximum) { span[$0].logit }
  }

  /// The candidate at `position`, in 0..<1, of the distribution: the first whose running sum of weights, added in the
  /// present order, exceeds position × total.
  func draw(at position: Double) -> Int32 {
    let target = position * totalWeight
    let span = storage.span
    var sum = 0.0
    // The total was added in another order and may be larger by rounding: then the last possible one is drawn.
    var last = span[0].token
    for index in 0..<count {
      let weight = weight(of: span[index])
      guard weight > 0 else { continue }
      sum += weight
      last = span[index].token
      if sum > target { break }
    }
    return last
  }

  private mutating func reset() {
    count = 0
    sortedCount = 0
    restIsHeap = false
    maximum = -.infinity
  }

  /// Lets the element in `hole` sink until neither child comes `before` it. Heap index i lives at `at(i)`.
  @inline(__always)
  private static func siftDown(
    _ span: inout MutableSpan<Candidate>, from hole: Int, size: Int, at: (Int) -> Int,
    before: (Candidate, Candidate) -> Bool
  ) {
    guard hole < size else { return }
    var hole = hole
    let sinking = span[at(hole)]
    while true {
      var child = 2 * hole + 1
      guard child < size else { break }
      if child + 1 < size, before(span[at(child + 1)], span[at(child)]) {
        child += 1
      }
      let next = span[at(child)]
      guard before(next, sinking) else { break }
      span[at(hole)] = next
      hole = child
    }
    span[at(hole)] = sinking
  }
}
