import ArgumentParser
import Mullama

/// `mullama bench`: how fast a model runs here.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures speed and memory.",
    discussion: """
      mullama bench model.gguf --threads 2 --lora style.gguf

      Evaluates random tokens: a prompt, then one token after another behind it. One warm-up round is not counted. \
      Numbers are medians, with the least and the largest.
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var adapters: AdapterArguments

  @Option(help: "Tokens of the prompt.")
  var prompt = 512

  @Option(help: "Tokens decoded one by one behind it.")
  var generate = 128

  @Option(help: "Rounds that are counted.")
  var repetitions = 5

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    for (name, value, range) in [
      ("prompt", prompt, 1...(1 << 20)), ("generate", generate, 0...(1 << 20)),
      ("repetitions", repetitions, 1...1000),
    ] where !range.contains(value) {
      throw ValidationError(
        "The value '\(value)' of --\(name) is not in \(range.lowerBound)...\(range.upperBound).")
    }
    if let context = model.context, context < prompt + generate {
      throw ValidationError("--context \(context) does not hold \(prompt) + \(generate) tokens.")
    }
  }

  func run() throws {
    let start = ContinuousClock.now
    let model = try ModelArguments.load(self.model.model, options: self.model.options)
    let loadSeconds = (ContinuousClock.now - start).seconds
    let capacity = self.model.context ?? prompt + generate
    try adapters.apply(to: model)
    var progress = ProgressBar(total: repetitions + 1)
    defer { progress.clear() }
    progress.update(0)
    var measurement = try BenchMeasurement(model, prompt: prompt, generate: generate, capacity: capacity)
    _ = try measurement.round()
    for repetition in 0..<repetitions {
      progress.update(repetition + 1)
      measurement.rounds.append(try measurement.round())
    }
    progress.clear()
    let report = try BenchReport(model, loadSeconds: loadSeconds, measurement)
    if json {
      OutputStream.results.writeLine(report.json.text)
    } else {
      OutputStream.results.write(report.text)
    }
  }
}
