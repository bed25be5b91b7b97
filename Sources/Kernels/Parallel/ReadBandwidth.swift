#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How fast the threads of a pool read memory: the yardstick for kernels that wait for weights.
///
/// The threads stream over a buffer of their own, each byte once in a pass, and add up what they read. The buffer asks
/// for huge pages, so that the number is what the memory can give, not what address translation leaves of it.
package final class ReadBandwidth {
  private let pool: WorkerPool
  private let task: StreamTask

  /// Far more than the caches of one processor hold, and a small part of the machine's memory.
  package static var usualByteCount: Int { min(512 << 20, Processor.memoryByteCount / 8) }

  /// A buffer of about `byteCount` bytes, at least one item for each thread, every page of it touched.
  package init(_ pool: WorkerPool, byteCount: Int = ReadBandwidth.usualByteCount) {
    self.pool = pool
    task = StreamTask(items: max(pool.threadCount, byteCount / StreamTask.itemBytes))
    task.fills = true
    pool.run(task, items: task.items)
    task.fills = false
  }

  package var byteCount: Int { task.items * StreamTask.itemBytes }

  /// Bytes per second of each of some passes over the buffer.
  package func measure(passes: Int) -> [Double] {
    (0..<passes).map { _ in
      let start = ContinuousClock.now
      pool.run(task, items: task.items)
      let (seconds, attoseconds) = (ContinuousClock.now - start).components
      precondition(task.sum == task.expectedSum, "a thread has not read all of its bytes")
      return Double(byteCount) / (Double(seconds) + Double(attoseconds) * 1e-18)
    }
  }
}

/// Fills a buffer, or adds it up; an item is a piece of it that lies together.
private final class StreamTask: PoolTask {
  static let itemBytes = 1 << 20

  let items: Int
  var fills = false
  private let memory: AlignedMemory
  /// What each item's words add up to. An item writes its own.
  private let sums: AlignedMemory

  init(items: Int) {
    self.items = items
    memory = AlignedMemory(byteCount: items * Self.itemBytes)
    sums = AlignedMemory(byteCount: 8 * items)
    #if os(Linux) || os(Android)
      let page = 4096
      let start = UnsafeMutableRawPointer(
        bitPattern: (UInt(bitPattern: memory.base) + UInt(page - 1)) & ~UInt(page - 1))
      // A refusal makes the number smaller, nothing else.
      if let start { _ = madvise(start, memory.byteCount - page, MADV_HUGEPAGE) }
    #endif
    super.init()
  }

  private var results: UnsafeMutablePointer<UInt64> { sums.base.assumingMemoryBound(to: UInt64.self) }

  /// The sum of all items of the last pass.
  var sum: UInt64 { (0..<items).reduce(0) { $0 &+ results[$1] } }
  /// Item `i` holds the number `i + 1` in each of its words.
  var expectedSum: UInt64 {
    (0..<UInt64(items)).reduce(0) { $0 &+ ($1 + 1) &* UInt64(Self.itemBytes / 8) }
  }

  override func run(item: Int, worker: Int) {
    let start = memory.base + item * Self.itemBytes
    if fills {
      start.initializeMemory(as: UInt64.self, repeating: UInt64(item) + 1, count: Self.itemBytes / 8)
    } else {
      results[item] = Self.sum(start)
    }
  }

  /// Four sums that do not wait for each other, a cache line in each step.
  private static func sum(_ start: UnsafeRawPointer) -> UInt64 {
    var a = SIMD2<UInt64>.zero, b = a, c = a, d = a
    var offset = 0
    while offset < itemBytes {
      a &+= start.load(fromByteOffset: offset, as: SIMD2<UInt64>.self)
      b &+= start.load(fromByteOffset: offset + 16, as: SIMD2<UInt64>.self)
      c &+= start.load(fromByteOffset: offset + 32, as: SIMD2<UInt64>.self)
      d &+= start.load(fromByteOffset: offset + 48, as: SIMD2<UInt64>.self)
      offset += 64
    }
    return (a &+ b &+ c &+ d).wrappedSum()
  }
}
