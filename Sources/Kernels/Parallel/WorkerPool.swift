import CProcessor
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A fixed set of threads that share the items of one task at a time, the caller being one of them.
///
/// Idle workers spin for a short while (the gap between two regions of a forward pass is microseconds), then park
/// on a condition variable. Starting a region allocates nothing. Several callers take turns, region by region.
///
/// The whole state of a region is one 64-bit *ticket* (generation, item count, next item), claimed with
/// compare-and-swap: a worker that wakes late can never take an item of a region it has not seen, so nobody waits
/// for sleepers.
package final class WorkerPool: @unchecked Sendable {
  // @unchecked: `task` is written only between regions, under `turn`, and read only by holders of a claimed item;
  // everything else shared is atomic or guarded by `parking`.

  /// Threads that work on a region, the caller included.
  package let threadCount: Int

  private let ticket = Atomic<UInt64>(0)
  private let completed = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  private let task = Atomic<UInt>(0)
  private let turn: UnsafeMutablePointer<pthread_mutex_t>
  private let parking: UnsafeMutablePointer<pthread_mutex_t>
  private let wake: UnsafeMutablePointer<pthread_cond_t>
  private var threads: [pthread_t] = []

  /// Spins before a worker parks: some tens of microseconds.
  private static let spins = 20_000
  private static let indexBits: UInt64 = 20
  private static let indexMask: UInt64 = (1 << 20) - 1
  /// Items one region may have.
  static let maximumItems = Int(indexMask)

  package init(threads count: Int) {
    threadCount = max(1, count)
    turn = .allocate(capacity: 1)
    parking = .allocate(capacity: 1)
    wake = .allocate(capacity: 1)
    pthread_mutex_init(turn, nil)
    pthread_mutex_init(parking, nil)
    pthread_cond_init(wake, nil)
    for worker in 1..<max(threadCount, 2) where worker < threadCount { start(worker) }
  }

  deinit {
    stopping.store(true, ordering: .sequentiallyConsistent)
    pthread_mutex_lock(parking)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(parking)
    for thread in threads { pthread_join(thread, nil) }
    pthread_cond_destroy(wake)
    pthread_mutex_destroy(parking)
    pthread_mutex_destroy(turn)
    wake.deallocate()
    parking.deallocate()
    turn.deallocate()
  }

  /// Runs every item of `task` and returns when all are done. Items are claimed in rising order.
  package func run(_ task: PoolTask, items: Int) {
    precondition(items <= Self.maximumItems, "too many items in one parallel region")
    if items <= 0 { return }
    pthread_mutex_lock(turn)
    defer { pthread_mutex_unlock(turn) }
    if threadCount == 1 || items == 1 {
      for item in 0..<items { task.run(item: item, worker: 0) }
      return
    }
    completed.store(0, ordering: .relaxed)
    self.task.store(UInt(bitPattern: Unmanaged.passUnretained(task).toOpaque()), ordering: .relaxed)
    let generation = (ticket.load(ordering: .relaxed) >> (2 * Self.indexBits)) &+ 1
    ticket.store(
      generation << (2 * Self.indexBits) | UInt64(items) << Self.indexBits, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
      pthread_mutex_lock(parking)
      pthread_cond_broadcast(wake)
      pthread_mutex_unlock(parking)
    }
    drain(worker: 0)
    while completed.load(ordering: .acquiring) < items { mullama_spin_hint() }
  }

  /// Works on items until the present region has none left.
  private func drain(worker: Int) {
    while true {
      let seen = ticket.load(ordering: .acquiring)
      let index = seen & Self.indexMask
      guard index < (seen >> Self.indexBits) & Self.indexMask else { return }
      let address = task.load(ordering: .relaxed)
      guard ticket.compareExchange(expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing).exchanged
      else { continue }
      guard let pointer = UnsafeRawPointer(bitPattern: address) else { return }
      // The caller keeps the task alive until `completed` has counted this item.
      Unmanaged<PoolTask>.fromOpaque(pointer)._withUnsafeGuaranteedRef { $0.run(item: Int(index), worker: worker) }
      completed.wrappingAdd(1, ordering: .releasing)
    }
  }

  private func hasWork() -> Bool {
    let seen = ticket.load(ordering: .sequentiallyConsistent)
    return seen & Self.indexMask < (seen >> Self.indexBits) & Self.indexMask
  }

  private func work(as worker: Int) {
    while !stopping.load(ordering: .relaxed) {
      var spin = 0
      while !hasWork(), spin < Self.spins {
        mullama_spin_hint()
        spin += 1
      }
      if hasWork() {
        drain(worker: worker)
        continue
      }
      pthread_mutex_lock(parking)
      sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
      while !hasWork(), !stopping.load(ordering: .sequentiallyConsistent) { pthread_cond_wait(wake, parking) }
      sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
      pthread_mutex_unlock(parking)
    }
  }

  private final class Start {
    unowned(unsafe) let pool: WorkerPool
    let worker: Int
    init(_ pool: WorkerPool, _ worker: Int) {
      self.pool = pool
      self.worker = worker
    }
  }

  private func start(_ worker: Int) {
    // The thread must not own the pool, or the pool could never end; deinit joins it first.
    let start = Unmanaged.passRetained(Start(self, worker)).toOpaque()
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let result = pthread_create(
      &thread, nil,
      { argument in
        #if canImport(Darwin)
          let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        #else
          let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        #endif
        start.pool.work(as: start.worker)
        return nil
      }, start)
    if result == 0 {
      #if canImport(Darwin)
        if let thread { threads.append(thread) }
      #else
        threads.append(thread)
      #endif
    } else {
      Unmanaged<Start>.fromOpaque(start).release()
    }
  }
}
