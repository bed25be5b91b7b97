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
/// When the pool goes, its threads end.
package final class WorkerPool: Sendable {
  /// Threads that work on a region, the caller included.
  package let threadCount: Int
  /// Shared with the threads, which hold it but not the pool: or the pool could never go.
  private let state: PoolState
  private let threads: [PoolThread]

  /// Items one region may have.
  static let maximumItems = ItemQueues.maximumItems

  /// Where the system refuses a thread, the pool has fewer.
  package init(threads count: Int) {
    let state = PoolState(threads: max(1, count))
    var threads: [PoolThread] = []
    for worker in 1..<max(2, count) where worker < count {
      guard let thread = PoolThread({ state.work(as: worker) }) else { break }
      threads.append(thread)
    }
    self.state = state
    self.threads = threads
    threadCount = threads.count + 1
  }

  deinit {
    state.stop()
    for thread in threads { thread.join() }
  }

  /// Runs every item of `task` and returns when all are done.
  ///
  /// The first `leading` items are claimed in rising order before any other; the rest lie in one contiguous share for
  /// each thread, which goes through its own in rising order, then takes what others have not begun. Of these up to
  /// `together` are claimed at a time, fewer towards the end.
  package func run(_ task: PoolTask, items: Int, leading: Int = 0, together: Int = 1) {
    precondition(items <= Self.maximumItems, "too many items in one parallel region")
    if items <= 0 { return }
    state.lockTurn()
    defer { state.unlockTurn() }
    if threadCount == 1 || items == 1 {
      for item in 0..<leading { task.run(items: item..<item + 1, worker: 0) }
      for first in stride(from: leading, to: items, by: together) {
        task.run(items: first..<min(first + together, items), worker: 0)
      }
    } else {
      state.run(task, items: items, leading: leading, together: together)
    }
  }
}

/// A POSIX thread that runs one closure.
private final class PoolThread: @unchecked Sendable {
  // @unchecked: the handle is set before the thread is shared, and joined once.
  private var handle: pthread_t

  /// nil: the system refused a thread.
  init?(_ body: @escaping @Sendable () -> Void) {
    final class Body: Sendable {
      let call: @Sendable () -> Void
      init(_ call: @escaping @Sendable () -> Void) { self.call = call }
    }
    let argument = Unmanaged.passRetained(Body(body)).toOpaque()
    #if canImport(Darwin)
      var created: pthread_t?
    #else
      var created = pthread_t()
    #endif
    let result = pthread_create(
      &created, nil,
      { argument in
        #if canImport(Darwin)
          let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
        #else
          let body = Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue()
        #endif
        body.call()
        return nil
      }, argument)
    guard result == 0 else {
      Unmanaged<Body>.fromOpaque(argument).release()
      return nil
    }
    #if canImport(Darwin)
      guard let created else { return nil }
    #endif
    handle = created
  }

  func join() { pthread_join(handle, nil) }
}
