import Kernels
import Mullama
import Transformer

extension KernelBenchmark {
  /// One token of a model on two threads, behind seven others: what "steady-state decoding allocates nothing" is about.
  public static func decode(model path: String) -> KernelBenchmark {
    KernelBenchmark("decode") {
      let model = try Model.load(path, options: ModelOptions(threads: 2))
      let session = try model.makeSession(ContextOptions(length: 16))
      _ = try session.prefill([1, 2, 3, 4, 5, 6, 7])
      return KernelCall(bytes: model.weightBytesPerToken, products: 0) {
        do throws(ModelError) {
          try session.decode(8)
        } catch {
          preconditionFailure("\(error)")
        }
        session.truncate(to: 7)
      }
    }
  }

  /// No kernel: allocates one array, to show that allocations are counted.
  public static var control: KernelBenchmark {
    KernelBenchmark("control") {
      KernelCall(bytes: 0, products: 0) { keep([Int](repeating: 1, count: 1000)) }
    }
  }
}

/// Keeps the optimizer from leaving an array out.
@inline(never)
private func keep(_ array: [Int]) { precondition(array.count == 1000) }
