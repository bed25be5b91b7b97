// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who embeds the library resolves what only measuring needs.

/// What AllocationCounter.swift stands in for.
let counted = ["malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign"]

let package = Package(
  name: "mullama-benchmarks",
  // Benchmark itself asks for this.
  platforms: [.macOS(.v13)],
  dependencies: [
    .package(name: "mullama", path: ".."),
    // Without its traits it brings no interposers written in C, whose counts of allocations would be 0 then:
    // Kernels/AllocationCounter.swift counts them.
    .package(
      url: "https://github.com/ordo-one/benchmark", exact: "1.38.1",
      traits: []),
  ],
  targets: [
    .executableTarget(
      name: "KernelBenchmarks",
      dependencies: [
        .product(name: "MullamaBenchmarkSupport", package: "mullama"),
        .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Kernels",
      linkerSettings: [
        .unsafeFlags(
          counted.flatMap { ["-Xlinker", "--defsym=\($0)=counted_\($0)"] }, .when(platforms: [.linux]))
      ],
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
  ],
  swiftLanguageModes: [.v6]
)
