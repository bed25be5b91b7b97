import ArgumentParser
import Mullama

/// `mullama inspect`: what is in a file.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows what is in a model or an adapter.",
    discussion: """
      mullama inspect model.gguf --tensors

      Of a model only the header is read.
      """)

  @Argument(help: "Path of a GGUF model or adapter.")
  var file: String

  @Flag(help: "List the tensors.")
  var tensors = false

  @Flag(help: "List the metadata; long values are cut.")
  var metadata = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let summary = try FileSummary.read(file)
    let adapter = summary.kind == "adapter" ? try LoRAAdapter.load(file) : nil
    let report = InspectReport(summary, adapter: adapter, listsTensors: tensors, listsMetadata: metadata)
    if json {
      OutputStream.results.writeLine(report.json.text)
    } else {
      OutputStream.results.write(report.text)
    }
  }
}
