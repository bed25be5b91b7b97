import ArgumentParser
import Mullama

/// `mullama tokenize`: a text's token ids.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Shows the token ids of a text.",
    discussion: """
      mullama tokenize model.gguf "Hello!" --verbose

      The tokens that the model puts before a text are part of the answer, and the text of control tokens \
      (<|im_end|>) becomes those tokens; --no-special takes the text as letters only. With --lora, also the tokens that \
      adapters add are known.
      """)

  @Argument(help: "Path of a GGUF model.")
  var model: String

  @Argument(help: "The text; - reads standard input.")
  var text: String

  @OptionGroup var adapters: AdapterArguments

  @Flag(help: "Print a JSON array.")
  var json = false

  @Flag(help: "No tokens before the text, no control tokens in it.")
  var noSpecial = false

  @Flag(name: .shortAndLong, help: "One line for each token, with its text.")
  var verbose = false

  func validate() throws {
    if json, verbose { throw ValidationError("Give either --json or --verbose.") }
  }

  func run() throws {
    let model = try ModelArguments.load(self.model, options: ModelOptions(threads: 1))
    let text = self.text == "-" ? try InputText.standardInput() : self.text
    try adapters.apply(to: model)
    let tokenizer = model.tokenizer(with: model.boundAdapters)
    let tokens = tokenizer.encode(text, addSpecial: !noSpecial, parseSpecial: !noSpecial)
    if json {
      OutputStream.results.writeLine(JSONValue.array(tokens.map { .integer(Int($0)) }).text)
    } else if verbose {
      var table = Table([("id", .right), ("text", .left)])
      for token in tokens {
        table.append("\(token)", "\"\(tokenizer.decode([token], skipSpecial: false))\"")
      }
      OutputStream.results.write(table.text())
    } else {
      OutputStream.results.writeLine(tokens.map(String.init).joined(separator: " "))
    }
  }
}
