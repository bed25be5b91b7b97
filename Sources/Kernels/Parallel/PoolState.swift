import CProcessor
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a pool and its threads share: the present region and where idle threads park.
final class PoolState: @unchecked Sendable {
  // @unchecked: `task` is written only between regions, under `turn`, and read only by holders of a claimed item;
  // everything else shared is atomic or guarded by `parking`.
  private let queues: ItemQueues
  private let generation = Atomic<UInt64>(0)
  private let completed = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  private let task = Atomic<UInt>(0)
  private let turn: UnsafeMutablePointer<pthread_mutex_t>
  private let parking: UnsafeMutablePointer<pthread_mutex_t>
  private let wake: UnsafeMutablePointer<pthread_cond_t>

  /// Spins before a worker parks: some tens of microseconds.
  private static let spins = 20_000

  /// `threads` includes the caller.
  init(threads: Int) {
    queues = ItemQueues(workers: threads)
    turn = .allocate(capacity: 1)
    parking = .allocate(capacity: 1)
    wake = .allocate(capacity: 1)
    pthread_mutex_init(turn, nil)
    pthread_mutex_init(parking, nil)
    pthread_cond_init(wake, nil)
  }

  deinit {
    pthread_cond_destroy(wake)
    pthread_mutex_destroy(parking)
    pthread_mutex_destroy(turn)
    wake.deallocate()
    parking.deallocate()
    turn.deallocate()
  }

  func lockTurn() { pthread_mutex_lock(turn) }

  func unlockTurn() { pthread_mutex_unlock(turn) }

  /// Runs a region; the caller holds the turn.
  func run(_ task: PoolTask, items: Int, leading: Int, together: Int) {
    completed.store(0, ordering: .relaxed)
    self.task.store(UInt(bitPattern: Unmanaged.passUnretained(task).toOpaque()), ordering: .relaxed)
    let region = generation.load(ordering: .relaxed) &+ 1
    queues.fill(generation: region, items: items, leading: leading, together: together)
    generation.store(region, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 { wakeAll() }
    drain(region, worker: 0)
    spinWait { completed.load(ordering: .acquiring) >= items }
  }

  /// Tells the threads to end.
  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    wakeAll()
  }

  /// A thread's life: work, spin, park, until told to end.
  func work(as worker: Int) {
    var seen: UInt64 = 0
    while !stopping.load(ordering: .relaxed) {
      var spin = 0
      while !isNew(seen), spin < Self.spins {
        mullama_spin_hint()
        spin += 1
      }
      if isNew(seen) {
        seen = generation.load(ordering: .acquiring)
        drain(seen, worker: worker)
        continue
      }
      pthread_mutex_lock(parking)
      sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
      while !isNew(seen), !stopping.load(ordering: .sequentiallyConsistent) {
        pthread_cond_wait(wake, parking)
      }
      sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
      pthread_mutex_unlock(parking)
    }
  }

  /// Works on items of a region until it has none left.
  private func drain(_ region: UInt64, worker: Int) {
    // Another region's task only if this one's is done; then there is nothing to claim.
    let address = task.load(ordering: .relaxed)
    guard let pointer = UnsafeRawPointer(bitPattern: address) else { return }
    while let items = queues.claim(generation: region, worker: worker) {
      // The caller keeps the task alive until `completed` has counted these items.
      Unmanaged<PoolTask>.fromOpaque(pointer)._withUnsafeGuaranteedRef {
        $0.run(items: items, worker: worker)
      }
      completed.wrappingAdd(items.count, ordering: .releasing)
    }
  }

  private func isNew(_ seen: UInt64) -> Bool {
    generation.load(ordering: .sequentiallyConsistent) != seen
  }

  private func wakeAll() {
    pthread_mutex_lock(parking)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(parking)
  }
}
