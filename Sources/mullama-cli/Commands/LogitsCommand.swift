import ArgumentParser
import Mullama

/// `mullama logits`: what the model says about the next token, as numbers to compare with.
struct LogitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logits",
    abstract: "Writes the logits of a text as a NumPy file.",
    discussion: """
      mullama logits model.gguf --tokens 1,2,3 --all --precision reference --output logits.npy

      The file holds float32 [positions, vocabulary]: the last position, or all of them. --prompt is taken as it is, \
      with the tokens that the model puts before a text; --tokens are taken exactly.
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var adapters: AdapterArguments

  @Option(help: ArgumentHelp("Token ids, with commas between them.", valueName: "ids"))
  var tokens: TokenList?

  @Option(help: "Text, without a chat template.")
  var prompt: String?

  @Flag(help: "Write the logits of every position, not only the last.")
  var all = false

  @Option(name: .shortAndLong, help: ArgumentHelp("File to write.", valueName: "file.npy"))
  var output: String

  func validate() throws {
    guard (tokens == nil) != (prompt == nil) else {
      throw ValidationError("Give either --tokens or --prompt.")
    }
  }

  func run() throws {
    let (model, _) = try self.model.load(adapters)
    let tokens =
      self.tokens?.tokens
      ?? model.tokenizer(with: model.boundAdapters)
      .encode(prompt ?? "", addSpecial: true, parseSpecial: true)
    guard !tokens.isEmpty else { throw ModelError.emptyPrompt }
    let evaluator = try LogitsEvaluator(model, capacity: self.model.context ?? tokens.count)
    let first = all ? 0 : tokens.count - 1
    var file = try NPYWriter(output, rows: tokens.count - first, columns: evaluator.vocabularySize)
    var progress = ProgressBar(total: tokens.count)
    defer { progress.clear() }
    try evaluator.evaluate(tokens, from: first) { position, logits in
      try file.append(UnsafeBufferPointer(logits))
      progress.update(position + 1)
    }
    try file.finish()
    if let name = evaluator.inactiveAdapter {
      OutputStream.messages.writeLine(
        Wording.printable(
          "mullama: adapter '\(name)' was not active: its invocation tokens are not in the text"))
    }
  }
}
