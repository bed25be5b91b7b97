import Foundation
import Synchronization
import Testing

import Kernels

@Suite struct WorkerPoolTests {
  /// How often each item was done; a mistake here is a race, so the counters are atomic.
  private final class Counts: @unchecked Sendable {
    // @unchecked: atomics at fixed addresses.
    let items: UnsafeMutablePointer<Atomic<Int>>
    let count: Int

    init(_ count: Int) {
      self.count = count
      items = .allocate(capacity: count)
      for i in 0..<count { (items + i).initialize(to: Atomic(0)) }
    }

    deinit { items.deallocate() }

    func add(_ item: Int) { items[item].wrappingAdd(1, ordering: .relaxed) }

    func all(are expected: Int) -> Bool {
      (0..<count).allSatisfy { items[$0].load(ordering: .relaxed) == expected }
    }
  }

  @Test(arguments: 1...8) func everyItemOnce(_ threads: Int) {
    let pool = WorkerPool(threads: threads)
    #expect(pool.threadCount == threads)
    let task = ClosureTask()
    for items in [0, 1, 2, 3, 7, 8, 9, 100, 5000] {
      let counts = Counts(max(1, items))
      let outside = Atomic<Int>(0)
      task.body = { item, worker in
        if worker < 0 || worker >= threads || item < 0 || item >= items {
          outside.wrappingAdd(1, ordering: .relaxed)
        } else {
          counts.add(item)
        }
      }
      for _ in 0..<20 { pool.run(task, items: items) }
      #expect(counts.all(are: items == 0 ? 0 : 20), "\(items) items")
      #expect(outside.load(ordering: .relaxed) == 0)
    }
  }

  /// Who waits in an item for all leading ones waits for items under way, never forever.
  @Test(arguments: [1, 2, 3, 8]) func leadingItemsGoFirst(_ threads: Int) {
    let pool = WorkerPool(threads: threads)
    let task = ClosureTask()
    for leading in [0, 1, 2, 5, 40] {
      let claimed = Atomic<Int>(0)
      let counts = Counts(40)
      task.body = { item, _ in
        counts.add(item)
        if item < leading {
          claimed.wrappingAdd(1, ordering: .sequentiallyConsistent)
        } else {
          // Who waits here must not wait forever: all leading items are under way.
          while claimed.load(ordering: .sequentiallyConsistent) < leading {}
        }
      }
      for _ in 0..<10 {
        claimed.store(0, ordering: .sequentiallyConsistent)
        pool.run(task, items: 40, leading: leading)
      }
      #expect(counts.all(are: 10))
    }
  }

  /// A thread goes through its share in rising order; what it takes from another's comes from that one's end.
  @Test(arguments: [2, 4]) func sharesAreContiguous(_ threads: Int) {
    let queues = ItemQueues(workers: threads)
    queues.fill(generation: 7, items: 100 * threads + 3, leading: 3, together: 1)
    #expect((0..<3).map { _ in queues.claim(generation: 7, worker: 1) } == [0..<1, 1..<2, 2..<3])
    #expect((103..<203).allSatisfy { queues.claim(generation: 7, worker: 1) == $0..<$0 + 1 })
    let stolen = queues.claim(generation: 7, worker: 1)
    #expect(stolen == (threads == 2 ? 102..<103 : 302..<303))
    #expect(queues.claim(generation: 7, worker: 0) == 3..<4)
    #expect(queues.claim(generation: 6, worker: 0) == nil, "a region that has ended")
    #expect(queues.claim(generation: 8, worker: 0) == nil, "a region that has not begun")
  }

  /// Several items at a time, but no more than half of those left; leading ones alone.
  @Test func claimsBecomeSmaller() {
    let queues = ItemQueues(workers: 2)
    queues.fill(generation: 1, items: 26, leading: 2, together: 4)
    let own = (0..<7).map { _ in queues.claim(generation: 1, worker: 0) }
    #expect(own == [0..<1, 1..<2, 2..<6, 6..<10, 10..<12, 12..<13, 13..<14])
    let stolen = (0..<5).map { _ in queues.claim(generation: 1, worker: 0) }
    #expect(stolen == [22..<26, 18..<22, 16..<18, 15..<16, 14..<15])
    #expect(queues.claim(generation: 1, worker: 1) == nil)
  }

  /// Each item once, however many are claimed at a time.
  @Test(arguments: [1, 2, 3, 8], [1, 3, 4, 100]) func everyItemOfAClaim(_ threads: Int, _ together: Int) {
    let pool = WorkerPool(threads: threads)
    let counts = Counts(97)
    let task = ClosureTask()
    task.body = { item, _ in counts.add(item) }
    for _ in 0..<20 { pool.run(task, items: 97, leading: 5, together: together) }
    #expect(counts.all(are: 20))
  }

  /// What the caller wrote before a region, workers see; what they write, the caller sees after it.
  @Test(arguments: [2, 4, 8]) func manySmallRegions(_ threads: Int) {
    let pool = WorkerPool(threads: threads)
    let task = ClosureTask()
    let input = UnsafeMutablePointer<Int>.allocate(capacity: 16)
    let output = UnsafeMutablePointer<Int>.allocate(capacity: 16)
    defer {
      input.deallocate()
      output.deallocate()
    }
    input.initialize(repeating: 0, count: 16)
    output.initialize(repeating: 0, count: 16)
    task.body = { item, _ in output[item] = input[item] + 1 }
    var wrong = 0
    for round in 0..<5000 {
      let items = 2 + round % 15
      for i in 0..<items { input[i] = round + i }
      pool.run(task, items: items)
      for i in 0..<items where output[i] != round + i + 1 { wrong += 1 }
    }
    #expect(wrong == 0)
  }

  /// No worker does two items at a time: its scratch memory is its own.
  @Test func aWorkerDoesOneItemAtATime() {
    let pool = WorkerPool(threads: 4)
    let busy = Counts(4)
    let clashes = Atomic<Int>(0)
    let task = ClosureTask()
    task.body = { item, worker in
      if busy.items[worker].exchange(1, ordering: .acquiringAndReleasing) != 0 {
        clashes.wrappingAdd(1, ordering: .relaxed)
      }
      var spin = 0
      while spin < 200 { spin += 1 + item & 0 }
      busy.items[worker].store(0, ordering: .releasing)
    }
    for _ in 0..<300 { pool.run(task, items: 40) }
    #expect(clashes.load(ordering: .relaxed) == 0)
  }

  /// Two callers at once take turns; each gets all of its own items and none of the other's.
  @Test(arguments: [1, 2, 5]) func twoCallersAtOnce(_ threads: Int) {
    let pool = WorkerPool(threads: threads)
    let counts = [Counts(37), Counts(11)]
    let callers = (0..<2).map { caller in
      let thread = Caller {
        let task = ClosureTask()
        task.body = { item, _ in counts[caller].add(item) }
        for _ in 0..<1000 { pool.run(task, items: counts[caller].count) }
      }
      thread.start()
      return thread
    }
    for caller in callers { caller.join() }
    #expect(counts[0].all(are: 1000) && counts[1].all(are: 1000))
  }

  @Test func madeAndUnmade() {
    let total = Atomic<Int>(0)
    for i in 0..<200 {
      let pool = WorkerPool(threads: 1 + i % 8)
      // Some end without ever having worked.
      if i % 3 == 0 { continue }
      let task = ClosureTask()
      task.body = { _, _ in total.wrappingAdd(1, ordering: .relaxed) }
      pool.run(task, items: 10)
    }
    #expect(total.load(ordering: .relaxed) == 10 * (0..<200).count { $0 % 3 != 0 })
  }

  /// Its threads hold what they share, not the pool: with the last reference it goes, and waits for them.
  @Test func goesWithItsLastReference() {
    weak var gone: WorkerPool?
    do {
      let pool = WorkerPool(threads: 3)
      let task = ClosureTask()
      task.body = { _, _ in }
      pool.run(task, items: 5)
      gone = pool
      #expect(gone != nil)
    }
    #expect(gone == nil)
  }

  /// Workers that have gone to sleep wake up: an item that waits for a second thread would hang otherwise.
  @Test(arguments: [2, 8]) func parkedWorkersWake(_ threads: Int) {
    let pool = WorkerPool(threads: threads)
    for _ in 0..<5 {
      usleep(20_000)
      let arrived = Atomic<Int>(0)
      let task = ClosureTask()
      task.body = { _, _ in
        arrived.wrappingAdd(1, ordering: .sequentiallyConsistent)
        while arrived.load(ordering: .sequentiallyConsistent) < 2 { sched_yield() }
      }
      pool.run(task, items: 2)
      #expect(arrived.load(ordering: .sequentiallyConsistent) == 2)
    }
  }

  @Test func nonsenseThreadCountsBecomeOne() {
    #expect(WorkerPool(threads: 0).threadCount == 1)
    #expect(WorkerPool(threads: -3).threadCount == 1)
    #expect(Compute(table: .portable, threads: -1).pool.threadCount == 1)
    #expect(Compute(table: .portable, threads: nil).pool.threadCount == min(256, Processor.availableCores))
    #expect(Processor.availableCores >= 1)
  }

  private final class Caller: @unchecked Sendable {
    // @unchecked: `body` is called by one thread, once.
    private let body: @Sendable () -> Void
    private let done = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func start() {
      Thread.detachNewThread { [self] in
        body()
        done.signal()
      }
    }

    func join() { done.wait() }
  }
}
