import ArgumentParser
import Mullama

/// `mullama adapter convert`: an adapter as a GGUF file.
struct AdapterConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Writes an adapter as a GGUF file.",
    discussion: """
      mullama adapter convert my-peft-folder -o style.gguf --base model.gguf

      llama.cpp reads the file wherever its format can say what the adapter does; a warning tells where it cannot. \
      Without the base model, give its --architecture, and for llama its head counts.
      """)

  @Argument(help: "A PEFT folder, or a GGUF adapter to write in another type.")
  var adapter: String

  @Option(name: .shortAndLong, help: "The file to write.")
  var output: String

  @Option(help: "Type of the matrices: f32, f16, bf16 or q8_0.")
  var outtype: FileWeightType = .f16

  @Option(help: "Path of the GGUF model that the adapter is for; everything is checked against it.")
  var base: String?

  @Option(help: "The model's architecture, instead of --base: llama, qwen2, …")
  var architecture: String?

  @Option(help: "Its attention heads.")
  var heads: Int?

  @Option(help: "Its key/value heads (default: as many as --heads).")
  var kvHeads: Int?

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if base != nil, architecture != nil || heads != nil || kvHeads != nil {
      throw ValidationError(
        "--base says what --architecture, --heads and --kv-heads say; give one or the other.")
    }
    if architecture == nil, heads != nil || kvHeads != nil {
      throw ValidationError("--heads and --kv-heads belong to an --architecture.")
    }
    for (name, count) in [("--heads", heads), ("--kv-heads", kvHeads)] {
      if let count, !(1...65536).contains(count) {
        throw ValidationError("The value '\(count)' of \(name) is not in 1...65536.")
      }
    }
    if kvHeads != nil, heads == nil { throw ValidationError("--kv-heads belongs to --heads.") }
  }

  func run() throws {
    let path = try OutputFile.resolved(output)
    let adapter = try LoRAAdapter.load(self.adapter)
    let model = try base.map { try ModelArguments.load($0, options: ModelOptions(threads: 1)) }
    try OutputFile.check(path, namedAs: output, isNoneOf: adapter.files + (model?.files ?? []))
    defer { Interruption.removeOnInterrupt(nil) }
    let done = try adapter.convert(
      to: path, for: target(model), type: outtype, temporary: { Interruption.removeOnInterrupt($0) })
    for warning in done.warnings { OutputStream.warn(warning) }
    guard json else {
      let tensors = Wording.plural(done.tensorCount, "tensor")
      OutputStream.results.writeLine(
        Wording.printable("\(output): \(tensors), \(Wording.bytes(done.byteCount))"))
      for remark in done.remarks { OutputStream.results.writeLine("  " + Wording.printable(remark)) }
      return
    }
    let result: JSONValue = [
      "file": .string(output), "bytes": .integer(done.byteCount), "tensors": .integer(done.tensorCount),
      "type": .string(outtype.rawValue), "alpha": .optional(done.alpha) { .number($0) },
      "warnings": .array(done.warnings.map { .string($0) }),
      "remarks": .array(done.remarks.map { .string($0) }),
    ]
    OutputStream.results.writeLine(result.text)
  }

  private func target(_ model: Model?) -> LoRAAdapter.Base? {
    if let model { return .model(model) }
    return architecture.map { .architecture($0, heads: heads, kvHeads: kvHeads) }
  }
}
