import ArgumentParser
import Mullama

/// `mullama perplexity`: how well a model predicts a text.
struct PerplexityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity",
    abstract: "Measures how well a model predicts a text.",
    discussion: """
      mullama perplexity model.gguf -f text.txt --lora style.gguf

      The text is cut into windows of --context tokens (default: 512), each evaluated by itself; the second half of a \
      window counts, so that each prediction has at least half a window before it. Lower is better.
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var adapters: AdapterArguments

  @Option(name: .shortAndLong, help: "The text, in UTF-8.")
  var file: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if let context = model.context, context < 4 {
      throw ValidationError("The value '\(context)' of --context is too small for a window; give at least 4.")
    }
  }

  func run() throws {
    let text = try InputText.file(file)
    let (model, loadSeconds) = try self.model.load(adapters)
    let length = self.model.context ?? min(512, model.trainedContextLength)
    let tokens = model.tokenizer(with: model.boundAdapters)
      .encode(text, addSpecial: true, parseSpecial: false)
    guard tokens.count >= length else {
      throw CommandError.textTooShort(file: file, tokens: tokens.count, needed: length)
    }
    let evaluator = try LogitsEvaluator(model, capacity: length)
    let windows = tokens.count / length
    var perplexity = Perplexity()
    var progress = ProgressBar(total: windows)
    defer { progress.clear() }
    progress.update(0)
    let start = ContinuousClock.now
    for window in 0..<windows {
      var part = Array(tokens[window * length..<(window + 1) * length])
      // A model that is trained with a first token of its own sees it before every window.
      if let begin = model.beginToken { part[0] = begin }
      let last = length - 1
      try evaluator.evaluate(part, from: length / 2) { position, logits in
        if position < last { perplexity.add(UnsafeBufferPointer(logits), next: Int(part[position + 1])) }
      }
      progress.update(window + 1, note: "perplexity \(Wording.fixed(perplexity.value, 4))")
    }
    let seconds = (ContinuousClock.now - start).seconds
    progress.clear()
    let speed = seconds > 0 ? Double(windows * length) / seconds : 0
    guard json else {
      return OutputStream.results.writeLine(
        "perplexity \(Wording.fixed(perplexity.value, 4)) ± \(Wording.fixed(perplexity.standardError, 4))"
          + " (\(perplexity.count) tokens in \(Wording.plural(windows, "window")) of \(length),"
          + " \(Wording.fixed(speed, 1)) tokens/s)")
    }
    let result: JSONValue = [
      "perplexity": .number(perplexity.value), "standard_error": .number(perplexity.standardError),
      "tokens": .integer(perplexity.count), "windows": .integer(windows), "context": .integer(length),
      "adapters": Answer.json(model.adapters), "load_seconds": .seconds(loadSeconds),
      "seconds": .seconds(seconds),
      "tokens_per_second": .rate(speed),
    ]
    OutputStream.results.writeLine(result.text)
  }
}
