import Benchmark
import Foundation
import MullamaBenchmarkSupport

/// Every kernel call of the library on one thread, and a whole token.
///
/// Times are for reading; what `Thresholds/` holds a call to is how often it asks for memory.
let benchmarks: @Sendable () -> Void = {
  let environment = ProcessInfo.processInfo.environment["MULLAMA_KERNELS"]
  let kernels: [KernelBenchmark]
  let model = URL(filePath: #filePath).appending(path: "../../../Fixtures/llama/model.gguf").standardized
  do {
    kernels = try KernelBenchmark.all(environment: environment) + [.decode(model: model.path), .control]
  } catch {
    fatalError("\(error)")
  }
  let allocations = BenchmarkMetric.custom("allocations", polarity: .prefersSmaller, useScalingFactor: false)
  var metrics: [BenchmarkMetric] = [.wallClock, .throughput]
  if AllocationCounter.isCounting { metrics.append(allocations) }
  let configuration = Benchmark.Configuration(
    metrics: metrics, warmupIterations: 2, maxDuration: .milliseconds(500), maxIterations: 2000)
  for kernel in kernels {
    Benchmark(kernel.name, configuration: configuration) { (benchmark: Benchmark, call: KernelCall) in
      benchmark.startMeasurement()
      let before = AllocationCounter.count
      call.run()
      let after = AllocationCounter.count
      benchmark.stopMeasurement()
      benchmark.measurement(allocations, after - before)
    } setup: {
      try kernel.prepare()
    }
  }
}
