import ArgumentParser
import Mullama

/// `mullama bench`: how fast a model runs here.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures speed and memory.",
    discussion: """
      mullama bench model.gguf --threads 2 --lora style.gguf

      Evaluates random tokens: a prompt, then one token after another behind it; with --batch also of several sequences \
      at once, whose tokens per second are counted together. --depth fills the cache before the prompt. With --lora, \
      base model and adapters take turns, half a layer each, and the table says what part of the speed the adapters \
      leave: the mean over prompts, or stretches of eight tokens, with its standard error.

      A round before the first warms up. Numbers are medians, with the least and the largest. The speed at which \
      decoding reads weights stands beside the speed at which the same threads read memory and do nothing else.
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var adapters: AdapterArguments

  @Option(help: "Tokens of the prompt.")
  var prompt = 512

  @Option(help: "Tokens decoded one by one behind it.")
  var generate = 128

  @Option(help: "Sequences decoded at once; several numbers are measured in turn (1,4,8).")
  var batch = BatchList([1])

  @Option(help: "Tokens in the cache before the prompt.")
  var depth = 0

  @Option(help: "Rounds that are counted.")
  var repetitions = 5

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    for (name, value, range) in [
      ("prompt", prompt, 1...(1 << 20)), ("generate", generate, 0...(1 << 20)),
      ("depth", depth, 0...(1 << 22)), ("repetitions", repetitions, 1...1000),
    ] where !range.contains(value) {
      throw ValidationError(
        "The value '\(value)' of --\(name) is not in \(range.lowerBound)...\(range.upperBound).")
    }
    if let context = model.context, context < plan.length {
      throw ValidationError("--context \(context) does not hold \(depth) + \(prompt) + \(generate) tokens.")
    }
  }

  private var plan: BenchPlan {
    BenchPlan(prompt: prompt, generate: generate, depth: depth, batches: batch.values)
  }

  /// Passes over memory that find its read speed.
  private static let bandwidthPasses = 8

  func run() throws {
    let start = ContinuousClock.now
    let model = try ModelArguments.load(self.model.model, options: self.model.options)
    let loadSeconds = (ContinuousClock.now - start).seconds
    let capacity = self.model.context ?? plan.length
    let adapterTimes = try AdapterTimes(adapters, model)
    var progress = ProgressBar(total: repetitions + 2)
    defer { progress.clear() }
    progress.update(0)
    var measurement = try BenchMeasurement(model, plan, capacity: capacity)
    for repetition in 0..<repetitions {
      progress.update(repetition + 1)
      try measurement.measure()
    }
    progress.update(repetitions + 1)
    // After the rounds, as both take memory that is not the model's.
    let bandwidth = Samples(model.readBandwidth(passes: Self.bandwidthPasses)).maximum
    let starts = try (0..<repetitions).map { _ in
      try WarmStart.seconds(
        self.model.model, options: self.model.options, adapters: adapters, context: capacity)
    }
    progress.clear()
    let report = try BenchReport(
      model, loadSeconds: loadSeconds, measurement, warmStart: Samples(starts).median, bandwidth: bandwidth,
      adapterTimes: adapterTimes)
    if json {
      OutputStream.results.writeLine(report.json.text)
    } else {
      OutputStream.results.write(report.text)
    }
  }
}
