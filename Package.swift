// swift-tools-version: 6.2
import PackageDescription

// Kernels compiled for one instruction set live in a target of their own, because Swift sets
// instruction-set flags per target. On other processors the portable kernels are the only ones.
#if arch(x86_64)
  let instructionSetTargets: [Target] = [
    .target(
      name: "KernelsX86V3", dependencies: ["CProcessor"],
      swiftSettings: [.unsafeFlags(["-Xcc", "-march=x86-64-v3", "-Ounchecked"])]),
    // Formats and panels are links to those of KernelsX86V3: the same source for wider registers.
    .target(
      name: "KernelsX86V4", dependencies: ["CProcessor", "KernelsX86V3"],
      swiftSettings: [.unsafeFlags(["-Xcc", "-march=x86-64-v4", "-Xcc", "-mavx512vnni", "-Ounchecked"])]),
  ]
  let instructionSetDependencies: [Target.Dependency] = ["KernelsX86V3", "KernelsX86V4"]
#else
  let instructionSetTargets: [Target] = []
  let instructionSetDependencies: [Target.Dependency] = []
#endif

let package = Package(
  name: "mullama",
  products: [
    .library(name: "Mullama", targets: ["Mullama"]),
    .executable(name: "mullama", targets: ["mullama"]),
    // Lets the package in Benchmarks/ call kernels; nothing for an app.
    .library(name: "MullamaBenchmarkSupport", targets: ["MullamaBenchmarkSupport"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CProcessor"),
    .target(name: "GGUF"),
    .target(name: "Kernels", dependencies: ["GGUF", "COpenBLAS", "CProcessor"] + instructionSetDependencies),
    .target(name: "Tokenization", dependencies: ["GGUF"]),
    .target(name: "ChatTemplates"),
    .target(name: "SafeTensors", dependencies: ["GGUF"]),
    .target(name: "Transformer", dependencies: ["GGUF", "Kernels"]),
    .target(name: "LoRA", dependencies: ["GGUF", "SafeTensors", "Kernels", "Transformer"]),
    .target(
      name: "Mullama",
      dependencies: [
        "GGUF", "SafeTensors", "Kernels", "Tokenization", "ChatTemplates", "Transformer", "LoRA",
      ]),
    .target(name: "MullamaBenchmarkSupport", dependencies: ["GGUF", "Kernels", "Transformer", "Mullama"]),
    .executableTarget(
      name: "mullama",
      dependencies: [
        "Mullama", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/mullama-cli"),
    .target(name: "TestSupport", dependencies: ["GGUF"], path: "Tests/TestSupport"),
    .testTarget(name: "GGUFTests", dependencies: ["GGUF", "TestSupport"]),
    .testTarget(name: "SafeTensorsTests", dependencies: ["GGUF", "SafeTensors", "TestSupport"]),
    .testTarget(
      name: "KernelsTests", dependencies: ["GGUF", "Kernels", "TestSupport"] + instructionSetDependencies),
    .testTarget(name: "TokenizationTests", dependencies: ["GGUF", "Tokenization", "TestSupport"]),
    .testTarget(name: "ChatTemplatesTests", dependencies: ["ChatTemplates", "TestSupport"]),
    .testTarget(name: "TransformerTests", dependencies: ["GGUF", "Kernels", "Transformer", "TestSupport"]),
    .testTarget(
      name: "LoRATests",
      dependencies: ["GGUF", "SafeTensors", "Kernels", "Transformer", "LoRA", "TestSupport"]),
    .testTarget(
      name: "MullamaTests",
      dependencies: [
        "GGUF", "Kernels", "Tokenization", "ChatTemplates", "Transformer", "LoRA", "Mullama", "TestSupport",
      ]),
    .testTarget(
      name: "MullamaCLITests",
      dependencies: [
        "mullama", "GGUF", "Kernels", "Transformer", "LoRA", "Mullama", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
  ] + instructionSetTargets,
  swiftLanguageModes: [.v6]
)
