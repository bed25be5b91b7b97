import Kernels
import Testing

@Suite struct ReadBandwidthTests {
  /// Measuring traps if the threads' sums are not those of all bytes; a rate beyond any memory's would mean unread ones.
  @Test(arguments: [(1, 0), (2, 3 << 20), (3, (5 << 20) + 1)])
  func everyPassReadsEverything(threads: Int, byteCount: Int) {
    let pool = WorkerPool(threads: threads)
    let bandwidth = ReadBandwidth(pool, byteCount: byteCount)
    #expect(bandwidth.byteCount >= threads << 20)
    #expect(bandwidth.byteCount <= max(byteCount, threads << 20))
    let rates = bandwidth.measure(passes: 3)
    #expect(rates.count == 3)
    #expect(rates.allSatisfy { $0 > 1e6 && $0 < 1e13 })
  }
}
