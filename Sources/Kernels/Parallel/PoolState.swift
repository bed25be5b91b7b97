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
///
/// The whole state of a region is one 64-bit *ticket* (generation, item count, next item), claimed with
/// compare-and-swap: a worker that wakes late can never take an item of a region it has not seen, so nobody waits
/// for sleepers.
final class PoolState: @unchecked Sendable {
  // @unchecked: `task` is written only between regions, under `turn`, and read only by holders of a claimed item;
  // everything else shared is atomic or guarded by `parking`.
  private let ticket = Atomic<UInt64>(0)
  private let completed = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  private let task = Atomic<UInt>(0)
  private let turn: UnsafeMutablePointer<pthread_mutex_t>
  private let parking: UnsafeMutablePointer<pthread_mutex_t>
  private let wake: UnsafeMutablePointer<pthread_cond_t>

  /// Spins before a worker parks: some tens of microseconds.
  private static let spins = 20_000
  private static let indexBits: UInt64 = 20
  private static let indexMask: UInt64 = (1 << 20) - 1
  static let maximumItems = Int(indexMask)

  init() {
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
  func run(_ task: PoolTask, items: Int) {
    completed.store(0, ordering: .relaxed)
    self.task.store(UInt(bitPattern: Unmanaged.passUnretained(task).toOpaque()), ordering: .relaxed)
    let generation = (ticket.load(ordering: .relaxed) >> (2 * Self.indexBits)) &+ 1
    ticket.store(
      generation << (2 * Self.indexBits) | UInt64(items) << Self.indexBits, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 { wakeAll() }
    drain(worker: 0)
    spinWait { completed.load(ordering: .acquiring) >= items }
  }

  /// Tells the threads to end.
  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    wakeAll()
  }

  /// A thread's life: work, spin, park, until told to end.
  func work(as worker: Int) {
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

  /// Works on items until the present region has none left.
  private func drain(worker: Int) {
    while true {
      let seen = ticket.load(ordering: .acquiring)
      let index = seen & Self.indexMask
      guard index < (seen >> Self.indexBits) & Self.indexMask else { return }
      let address = task.load(ordering: .relaxed)
      guard
        ticket.compareExchange(expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing).exchanged
      else { continue }
      guard let pointer = UnsafeRawPointer(bitPattern: address) else { return }
      // The caller keeps the task alive until `completed` has counted this item.
      Unmanaged<PoolTask>.fromOpaque(pointer)._withUnsafeGuaranteedRef {
        $0.run(item: Int(index), worker: worker)
      }
      completed.wrappingAdd(1, ordering: .releasing)
    }
  }

  private func hasWork() -> Bool {
    let seen = ticket.load(ordering: .sequentiallyConsistent)
    return seen & Self.indexMask < (seen >> Self.indexBits) & Self.indexMask
  }

  private func wakeAll() {
    pthread_mutex_lock(parking)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(parking)
  }
}
