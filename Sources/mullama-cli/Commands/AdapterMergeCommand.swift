import ArgumentParser
import Mullama

/// `mullama adapter merge`: a model file with adapters in its weights.
struct AdapterMergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Writes a model with adapters in its weights.",
    usage: "mullama adapter merge <model> <adapter> [--scale <scale>] ... -o <output> [--type <type>]",
    discussion: """
      mullama adapter merge model.gguf style.gguf --scale 0.8 sql.gguf -o merged.gguf

      Merging is for programs that cannot apply adapters: mullama itself applies them while it runs. A merged model can \
      no longer be scaled or swapped, and quantizing it again loses some of what the adapter changed.
      """)

  /// What `--type` takes.
  enum MergedType: String, ExpressibleByArgument, CaseIterable {
    case keep, f32, f16, bf16, q8_0
  }

  @OptionGroup var files: MergeArguments

  @Option(name: .shortAndLong, help: "The file to write.")
  var output: String

  @Option(
    help: "Type of the matrices; keep: the model's, where changed ones can be written in it, else q8_0.")
  var type: MergedType = .keep

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let path = try OutputFile.resolved(output)
    let model = try ModelArguments.load(files.model)
    let inputs = try files.choices.map {
      Model.MergeInput(try LoRAAdapter.load($0.path), scale: $0.scale)
    }
    try OutputFile.check(
      path, namedAs: output, isNoneOf: model.files + inputs.flatMap { $0.adapter.files })
    let progress = MergeProgress()
    defer {
      progress.clear()
      Interruption.removeOnInterrupt(nil)
    }
    let start = ContinuousClock.now
    let done = try model.merge(
      inputs, to: path, type: FileWeightType(rawValue: type.rawValue),
      progress: { progress.update($0, of: $1) }, temporary: { Interruption.removeOnInterrupt($0) })
    let seconds = (ContinuousClock.now - start).seconds
    progress.clear()
    report(done, seconds)
  }

  private func report(_ done: Model.Merge, _ seconds: Double) {
    guard json else {
      OutputStream.results.writeLine(
        Wording.printable(
          "\(output): \(Wording.plural(done.tensorCount, "tensor")), \(done.changedCount) of them changed, "
            + "\(Wording.bytes(done.byteCount)) in \(Wording.seconds(seconds))"))
      if !done.newTypes.isEmpty {
        OutputStream.results.writeLine("  new types: \(done.newTypes.joined(separator: ", "))")
      }
      if done.addedTokenCount > 0 {
        OutputStream.results.writeLine(
          "  \(Wording.plural(done.addedTokenCount, "token")) added to the vocabulary")
      }
      if let file = done.templateFile {
        OutputStream.results.writeLine(Wording.printable("  the chat template is that of \(file)"))
      }
      if done.unties {
        OutputStream.results.writeLine(
          "  the output has a matrix of its own; the model shared it with the input")
      }
      return
    }
    let result: JSONValue = [
      "file": .string(output), "bytes": .integer(done.byteCount), "tensors": .integer(done.tensorCount),
      "changed": .integer(done.changedCount), "type": .string(type.rawValue),
      "new_types": .array(done.newTypes.map { .string($0) }), "unties": .bool(done.unties),
      "added_tokens": .integer(done.addedTokenCount),
      "template": .optional(done.templateFile) { .string($0) },
      "adapters": .array(
        files.choices.map { ["path": .string($0.path), "scale": .number($0.scale)] as JSONValue }),
      "seconds": .seconds(seconds),
    ]
    OutputStream.results.writeLine(result.text)
  }
}

/// The bar of a merge, in megabytes.
private final class MergeProgress {
  private var bar: ProgressBar?

  func update(_ done: Int, of total: Int) {
    if bar == nil { bar = ProgressBar(total: total >> 20) }
    bar?.update(done >> 20, note: "MB")
  }

  func clear() { bar?.clear() }
}
