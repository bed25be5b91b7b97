import Synchronization

/// The unclaimed items of a parallel region: some that go first, in order, then a share for each worker.
///
/// Shares are contiguous, and a worker claims its own from the front: items that lie behind each other in memory are
/// read behind each other by one core, so what it fetched ahead is what it needs next. A worker with nothing left takes
/// from the end of another's share, far from where that one reads.
///
/// Each queue is one 64-bit *ticket* (generation, next item, end), claimed with compare-and-swap: a worker that wakes
/// late can never take an item of a region it has not seen.
package final class ItemQueues: @unchecked Sendable {
  // @unchecked: the addresses never change; what they point to is atomic.
  private let tickets: UnsafeMutablePointer<Atomic<UInt64>>
  private let workers: Int

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

  /// Hands out the items of a new region, the first `leading` to whoever comes.
  package func fill(generation: UInt64, items: Int, leading: Int) {
    store(0, generation, 0..<leading)
    let rest = items - leading
    for worker in 0..<workers {
      store(
        worker + 1, generation,
        leading + rest * worker / workers..<leading + rest * (worker + 1) / workers)
    }
  }

  /// An item of region `generation` that nobody else will get.
  package func claim(generation: UInt64, worker: Int) -> Int? {
    if let item = claim(0, generation, fromEnd: false) { return item }
    if let item = claim(worker + 1, generation, fromEnd: false) { return item }
    for step in 1..<max(1, workers) {
      if let item = claim((worker + step) % workers + 1, generation, fromEnd: true) { return item }
    }
    return nil
  }

  private func store(_ queue: Int, _ generation: UInt64, _ items: Range<Int>) {
    tickets[queue * Self.spacing].store(
      generation << (2 * Self.indexBits) | UInt64(items.lowerBound) << Self.indexBits
        | UInt64(items.upperBound),
      ordering: .releasing)
  }

  private func claim(_ queue: Int, _ generation: UInt64, fromEnd: Bool) -> Int? {
    let ticket = tickets + queue * Self.spacing
    var seen = ticket.pointee.load(ordering: .acquiring)
    while true {
      let next = (seen >> Self.indexBits) & Self.indexMask, end = seen & Self.indexMask
      guard next < end, seen >> (2 * Self.indexBits) == generation & Self.generationMask else { return nil }
      let claimed = fromEnd ? seen - 1 : seen + 1 << Self.indexBits
      let result = ticket.pointee.compareExchange(
        expected: seen, desired: claimed, ordering: .acquiringAndReleasing)
      if result.exchanged { return Int(fromEnd ? end - 1 : next) }
      seen = result.original
    }
  }

  private static let generationMask: UInt64 = (1 << 24) - 1
}
