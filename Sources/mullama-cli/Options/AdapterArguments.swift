import ArgumentParser
import Mullama

/// `--lora` and `--lora-scale`, which repeat: a scale belongs to the `--lora` before it.
package struct AdapterArguments: ParsableArguments {
  /// An adapter's file and the scale to apply it at.
  package struct Choice: Equatable, Sendable {
    package let path: String
    package let scale: Float
  }

  @Option(
    name: .customLong("lora"),
    help: ArgumentHelp("A LoRA adapter to apply; may be repeated.", valueName: "adapter"))
  var paths: [String] = []

  @Option(
    name: .customLong("lora-scale"),
    help: ArgumentHelp("Scale of the --lora before it (default: 1).", valueName: "scale"))
  var scales: [PairedScale] = []

  package init() {}

  package func validate() throws { _ = try resolve() }

  /// The adapters in order; their scales are valid numbers once parsing has succeeded.
  package var choices: [Choice] { (try? resolve()) ?? [] }

  private func resolve() throws -> [Choice] {
    var found = [Float?](repeating: nil, count: paths.count)
    for scale in scales {
      guard let value = Float(scale.text), value.isFinite else {
        throw ValidationError("The value '\(scale.text)' of --lora-scale is not a finite number.")
      }
      guard scale.adapter >= 0, scale.adapter < paths.count else {
        throw ValidationError(
          "--lora-scale \(scale.text) comes before any --lora; a scale follows its adapter.")
      }
      guard found[scale.adapter] == nil else {
        throw ValidationError("--lora \(paths[scale.adapter]) has two scales.")
      }
      found[scale.adapter] = value
    }
    return zip(paths, found).map { Choice(path: $0, scale: $1 ?? 1) }
  }

  /// Loads the adapters and applies them to a model, in order.
  func apply(to model: Model) throws { try apply(load(), to: model) }

  /// The adapters in order.
  func load() throws -> [LoRAAdapter] { try choices.map { try LoRAAdapter.load($0.path) } }

  func apply(_ adapters: [LoRAAdapter], to model: Model) throws {
    for (choice, adapter) in zip(choices, adapters) {
      try model.applyAdapter(adapter, scale: choice.scale)
    }
  }
}

extension AdapterArguments {
  /// Writes into each `--lora-scale` which `--lora` it belongs to (`--lora-scale=0:0.5`): the parser collects each
  /// option by itself and loses their order.
  package static func pairingScales(_ arguments: [String]) -> [String] {
    var result: [String] = []
    var adapters = 0
    var index = 0
    while index < arguments.count {
      let argument = arguments[index]
      index += 1
      if argument == "--" {
        return result + arguments[(index - 1)...]
      } else if argument == "--lora" {
        adapters += 1
        result.append(argument)
        if index < arguments.count, arguments[index] != "--" {
          result.append(arguments[index])
          index += 1
        }
      } else if argument == "--lora-scale", index < arguments.count, arguments[index] != "--" {
        result.append("--lora-scale=\(adapters - 1):\(arguments[index])")
        index += 1
      } else if argument.hasPrefix("--lora-scale=") {
        result.append("--lora-scale=\(adapters - 1):\(argument.dropFirst("--lora-scale=".count))")
      } else {
        if argument.hasPrefix("--lora=") { adapters += 1 }
        result.append(argument)
      }
    }
    return result
  }
}

/// A scale as `pairingScales` writes it: the number of its adapter, a colon, and what the user wrote.
struct PairedScale: ExpressibleByArgument, Equatable {
  let adapter: Int
  let text: String

  init?(argument: String) {
    let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let adapter = Int(parts[0]) else { return nil }
    self.adapter = adapter
    text = String(parts[1])
  }
}
