import ArgumentParser
import Mullama

/// `mullama adapter inspect`: what is in an adapter.
struct AdapterInspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows what is in an adapter.",
    discussion: "mullama adapter inspect style.gguf\n\nA PEFT folder may be given as well.")

  @Argument(help: "Path of a LoRA adapter.")
  var adapter: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let adapter = try LoRAAdapter.load(self.adapter)
    let report =
      adapter.architecture == nil
      ? InspectReport(adapter: adapter) : InspectReport(try FileSummary.read(adapter.path), adapter: adapter)
    if json {
      OutputStream.results.writeLine(report.json.text)
    } else {
      OutputStream.results.write(report.text)
    }
  }
}
