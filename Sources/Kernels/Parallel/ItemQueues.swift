import Synchronization

/// The unclaimed items of a parallel region: some that go first, in order, then a share for each worker.
///
/// Shares are contiguous, and a worker claims its own from the front: items that lie behind each other in memory are
/// read behind each other by one core, so what it fetched ahead is what it needs next. A worker with nothing left takes
/// from the end of another's share, far from where that one reads. Several items may be claimed at a time, but never more
/// than half of those left in the queue: so workers end together (guided self-scheduling, Polychronopoulos and Kuck 1987).
///
/// Each queue is one 64-bit *ticket* (generation, next item, end), claimed with compare-and-swap: a worker that wakes
/// late can never take an item of a region it has not seen.
package final class ItemQueues: @unchecked Sendable {
  // @unchecked: the addresses never change; what they point to is atomic.
  private let tickets: UnsafeMutablePointer<Atomic<UInt64>>
  private let workers: Int
  private let together = Atomic<Int>(1)

  private static let indexBits: UInt64 = 20
  private static let indexMask: UInt64 = (1 << 20) - 1
  /// Tickets between two queues, so that each has its own cache lines.
  private static let spacing = 16
  static let maximumItems = Int(indexMask)

  package init(workers: Int) {
    self.workers = workers
    tickets = .allocate(capacity: (workers + 1) * Self.spacing)
    for index in 0..<(workers + 1) * Self.spacing { (tickets + index).initialize(to: Atomic(0)) }
  }

  deinit {
    tickets.deinitialize(count: (workers + 1) * Self.spacing)
    tickets.deallocate()
  }

  /// Hands out the items of a new region, the first `leading` to whoever comes, of the others up to `together` at a time.
  package func fill(generation: UInt64, items: Int, leading: Int, together: Int) {
    // A worker that still looks for items of another region gets none, however many it asks for.
    self.together.store(together, ordering: .relaxed)
    store(0, generation, 0..<leading)
    let rest = items - leading
    for worker in 0..<workers {
      store(
        worker + 1, generation,
        leading + rest * worker / workers..<leading + rest * (worker + 1) / workers)
    }
  }

  /// Items of region `generation` that nobody else will get; nil: there are none left.
  package func claim(generation: UInt64, worker: Int) -> Range<Int>? {
    if let item = claim(0, generation, atMost: 1, fromEnd: false) { return item }
    let together = together.load(ordering: .relaxed)
    if let items = claim(worker + 1, generation, atMost: together, fromEnd: false) { return items }
    for step in 1..<max(1, workers) {
      let other = (worker + step) % workers + 1
      if let items = claim(other, generation, atMost: together, fromEnd: true) { return items }
    }
    return nil
  }

  private func store(_ queue: Int, _ generation: UInt64, _ items: Range<Int>) {
    tickets[queue * Self.spacing].store(
      generation << (2 * Self.indexBits) | UInt64(items.lowerBound) << Self.indexBits
        | UInt64(items.upperBound),
      ordering: .releasing)
  }

  private func claim(_ queue: Int, _ generation: UInt64, atMost limit: Int, fromEnd: Bool) -> Range<Int>? {
    let ticket = tickets + queue * Self.spacing
    var seen = ticket.pointee.load(ordering: .acquiring)
    while true {
      let next = Int((seen >> Self.indexBits) & Self.indexMask), end = Int(seen & Self.indexMask)
      guard next < end, seen >> (2 * Self.indexBits) == generation & Self.generationMask else { return nil }
      let count = max(1, min(limit, (end - next) / 2))
      let desired = fromEnd ? seen - UInt64(count) : seen + UInt64(count) << Self.indexBits
      let result = ticket.pointee.compareExchange(
        expected: seen, desired: desired, ordering: .acquiringAndReleasing)
      if result.exchanged { return fromEnd ? end - count..<end : next..<next + count }
      seen = result.original
    }
  }

  private static let generationMask: UInt64 = (1 << 24) - 1
}
