import ArgumentParser
import Mullama

/// `mullama inspect`: what is in a file.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows what is in a model or an adapter.",
    discussion: """
      mullama inspect model.gguf --tensors

      Of a model only the header is read. Of a PEFT adapter, a folder or its safetensors file, this is what \
      `mullama adapter inspect` shows.
      """)

  @Argument(help: "Path of a GGUF model or adapter, or of a PEFT folder.")
  var file: String

  @Flag(help: "List the tensors.")
  var tensors = false

  @Flag(help: "List the metadata; long values are cut.")
  var metadata = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let report = try self.report()
    if json {
      OutputStream.results.writeLine(report.json.text)
    } else {
      OutputStream.results.write(report.text)
    }
  }

  private func report() throws -> InspectReport {
    if LoRAAdapter.isPEFT(path: file) {
      let adapter = try LoRAAdapter.load(file)
      if adapter.architecture == nil { return InspectReport(adapter: adapter) }
      return InspectReport(
        try FileSummary.read(adapter.path), adapter: adapter, listsTensors: tensors, listsMetadata: metadata)
    }
    let summary = try FileSummary.read(file)
    let adapter = summary.kind == "adapter" ? try LoRAAdapter.load(file) : nil
    return InspectReport(summary, adapter: adapter, listsTensors: tensors, listsMetadata: metadata)
  }
}
