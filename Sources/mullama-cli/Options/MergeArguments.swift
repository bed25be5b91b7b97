import ArgumentParser

/// The model and the adapters of `adapter merge`: `MODEL ADAPTER [--scale S] [ADAPTER [--scale S]] …`
package struct MergeArguments: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The GGUF model, and the adapters to merge into it.", valueName: "model adapter"))
  var files: [String]

  @Option(help: "Scale of the adapter before it (default: 1).")
  var scale: [PairedScale] = []

  package init() {}

  package func validate() throws { _ = try resolve() }

  package var model: String { files.first ?? "" }
  /// The adapters in order; their scales are valid numbers once parsing has succeeded.
  package var choices: [AdapterArguments.Choice] { (try? resolve()) ?? [] }

  private func resolve() throws -> [AdapterArguments.Choice] {
    guard files.count > 1 else { throw ValidationError("Give a model and at least one adapter.") }
    var scales = [Float?](repeating: nil, count: files.count)
    for scale in scale {
      guard let value = Float(scale.text), value.isFinite else {
        throw ValidationError("The value '\(scale.text)' of --scale is not a finite number.")
      }
      guard scale.adapter > 0, scale.adapter < files.count else {
        throw ValidationError("--scale \(scale.text) comes before any adapter; a scale follows its adapter.")
      }
      guard scales[scale.adapter] == nil else {
        throw ValidationError("\(files[scale.adapter]) has two scales.")
      }
      scales[scale.adapter] = value
    }
    return zip(files, scales).dropFirst().map { AdapterArguments.Choice(path: $0, scale: $1 ?? 1) }
  }

  /// Writes into each `--scale` of an `adapter merge` which file it belongs to, as `AdapterArguments.pairingScales` does.
  package static func pairingScales(_ arguments: [String]) -> [String] {
    guard arguments.starts(with: ["adapter", "merge"]) else { return arguments }
    var result = Array(arguments.prefix(2))
    var files = 0
    var rest = arguments.dropFirst(2)
    while let argument = rest.popFirst() {
      if argument == "--" {
        // Whatever follows is a file.
        return result + [argument] + rest
      } else if argument == "--scale", let text = rest.popFirst() {
        result.append("--scale=\(files - 1):\(text)")
      } else if argument.hasPrefix("--scale=") {
        result.append("--scale=\(files - 1):\(argument.dropFirst("--scale=".count))")
      } else if ["-o", "--output", "--type"].contains(argument) {
        result.append(argument)
        if let value = rest.popFirst() { result.append(value) }
      } else {
        if !argument.hasPrefix("-") { files += 1 }
        result.append(argument)
      }
    }
    return result
  }
}
