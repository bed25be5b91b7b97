import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A thread that runs one actor's jobs, so that seconds of computation do not occupy the concurrency runtime's few.
final class ComputeThread: SerialExecutor {
  private let queue = JobQueue()

  init() { queue.start() }

  deinit { queue.stop() }

  func enqueue(_ job: consuming ExecutorJob) { queue.push(UnownedJob(job), on: self) }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}

/// Jobs waiting for a thread. A queued job keeps its executor alive; the thread keeps only the queue.
private final class JobQueue: @unchecked Sendable {
  // @unchecked: `jobs` and `isStopped` are guarded by `mutex`.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let arrived: UnsafeMutablePointer<pthread_cond_t>
  private var jobs: [(UnownedJob, ComputeThread)] = []
  private var isStopped = false

  init() {
    mutex = .allocate(capacity: 1)
    arrived = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(arrived, nil)
  }

  deinit {
    pthread_cond_destroy(arrived)
    pthread_mutex_destroy(mutex)
    arrived.deallocate()
    mutex.deallocate()
  }

  func start() {
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let argument = Unmanaged.passRetained(self).toOpaque()
    let result = pthread_create(
      &thread, nil,
      { argument in
        #if canImport(Darwin)
          let queue = Unmanaged<JobQueue>.fromOpaque(argument).takeRetainedValue()
        #else
          let queue = Unmanaged<JobQueue>.fromOpaque(argument!).takeRetainedValue()
        #endif
        queue.work()
        return nil
      }, argument)
    precondition(result == 0, "no thread could be started")
    #if canImport(Darwin)
      if let thread { pthread_detach(thread) }
    #else
      pthread_detach(thread)
    #endif
  }

  func push(_ job: UnownedJob, on executor: ComputeThread) {
    pthread_mutex_lock(mutex)
    jobs.append((job, executor))
    pthread_cond_signal(arrived)
    pthread_mutex_unlock(mutex)
  }

  func stop() {
    pthread_mutex_lock(mutex)
    isStopped = true
    pthread_cond_signal(arrived)
    pthread_mutex_unlock(mutex)
  }

  private func work() {
    while true {
      pthread_mutex_lock(mutex)
      while jobs.isEmpty, !isStopped { pthread_cond_wait(arrived, mutex) }
      if jobs.isEmpty {
        pthread_mutex_unlock(mutex)
        return
      }
      let (job, executor) = jobs.removeFirst()
      pthread_mutex_unlock(mutex)
      job.runSynchronously(on: executor.asUnownedSerialExecutor())
    }
  }
}
