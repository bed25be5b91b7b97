import ArgumentParser
import Mullama

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The model and how to compute with it.
package struct ModelArguments: ParsableArguments {
  @Argument(help: "Path of a GGUF model.")
  var model: String

  @Option(name: .shortAndLong, help: "Threads that compute (default: the cores of this process).")
  var threads: Int?

  @Option(name: .shortAndLong, help: "Tokens of context.")
  var context: Int?

  @Option(help: "Arithmetic: fast, or reference for exact weights in float32.")
  var precision: Precision = .fast

  package init() {}

  package func validate() throws {
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("The value '\(threads)' of --threads is not in 1...256.")
    }
    if let context, !(1...(1 << 24)).contains(context) {
      throw ValidationError("The value '\(context)' of --context is not in 1...\(1 << 24).")
    }
  }

  var options: ModelOptions { ModelOptions(threads: threads, precision: precision) }

  /// Loads the model and applies the adapters; says how many seconds that took.
  func load(_ adapters: AdapterArguments) throws -> (model: Model, seconds: Double) {
    let start = ContinuousClock.now
    let model = try Self.load(model, options: options)
    _ = try model.contextLength(ContextOptions(length: context))
    try adapters.apply(to: model)
    return (model, (ContinuousClock.now - start).seconds)
  }

  static func load(_ path: String, options: ModelOptions = ModelOptions()) throws -> Model {
    guard access(path, F_OK) == 0 else { throw CommandError.noModel(path: path) }
    return try Model.load(path, options: options)
  }
}

extension Precision: ExpressibleByArgument {}
