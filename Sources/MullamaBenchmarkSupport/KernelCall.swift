import GGUF
import Kernels

/// One call of a kernel with the memory it works on, to be repeated and measured. On one thread.
///
/// This target exists for `Benchmarks/`, a package of its own, which can use what is `public` and nothing else; an app has
/// no use for it.
public struct KernelCall {
  /// What one call computes with: bytes of weights, or of keys and values, that it reads, and products that it adds up.
  public let bytes: Int
  public let products: Int
  private let body: () -> Void

  init(bytes: Int, products: Int, _ body: @escaping () -> Void) {
    self.bytes = bytes
    self.products = products
    self.body = body
  }

  public func run() { body() }
}

/// A kernel call that can be made: its name, and how.
public struct KernelBenchmark: Sendable {
  public let name: String
  private let make: @Sendable () throws -> KernelCall

  init(_ name: String, _ make: @escaping @Sendable () throws -> KernelCall) {
    self.name = name
    self.make = make
  }

  /// The call with its memory, run once so that every page of it is there.
  public func prepare() throws -> KernelCall {
    let call = try make()
    call.run()
    return call
  }

  /// Every kernel: products of each block format with SIMD kernels, attention, quantization, low-rank deltas.
  ///
  /// `environment`: a table's name as `MULLAMA_KERNELS` has it; nil: the best for this processor.
  ///
  /// - Throws: `KernelError` for a name that is none.
  public static func all(environment: String?) throws -> [KernelBenchmark] {
    let table = try KernelTable.best(environment: environment)
    let formats: [TensorType] = [
      .f32, .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_nl,
      .iq4_xs,
    ]
    return formats.map { LinearCalls.matVec(table, $0) } + formats.map { LinearCalls.matMul(table, $0) }
      + [1, 64].map { LinearCalls.lowRank(table, tokens: $0) }
      + [1, 64].map { LinearCalls.quantize(table, tokens: $0) }
      + [1, 64].map { AttentionCalls.attend(table, tokens: $0) }
  }
}
