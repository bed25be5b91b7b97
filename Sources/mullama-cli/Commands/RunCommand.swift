import ArgumentParser
import Mullama

/// `mullama run`: one answer, or a chat.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Answers a prompt, or chats.",
    discussion: """
      mullama run model.gguf "Write a haiku." --lora a.gguf --lora-scale 0.8 --lora b.gguf

      Without PROMPT: a chat at a terminal (/help lists its commands), else the prompt is standard input. The answer, \
      and nothing else, goes to standard output.
      """)

  @OptionGroup var model: ModelArguments

  @Argument(help: "What to answer; - reads standard input.")
  var prompt: String?

  @OptionGroup var adapters: AdapterArguments

  @Flag(help: "Put the adapters' prompt prefixes before each prompt.")
  var loraPrefix = false

  @Option(
    help: "Whose chat template: auto (the model's, else the adapters'), model or adapter.")
  var template: TemplateChoice = .auto

  @Option(
    name: [.customShort("n"), .long], help: "Tokens to generate at most (default: what the context holds).")
  var maxTokens: Int?

  @OptionGroup var sampling: SamplingArguments

  @Option(help: "End before this text; may be repeated.")
  var stop: [String] = []

  @Option(help: "The system message.")
  var system: String?

  @Flag(help: "Continue PROMPT as it is, without the chat template.")
  var raw = false

  @Flag(help: "Print one JSON object: text, tokens, timings.")
  var json = false

  @Flag(help: "Tell timings on standard error.")
  var stats = false

  @Flag(help: "Print the answer when it is complete.")
  var noStream = false

  func validate() throws {
    if let maxTokens, maxTokens < 0 {
      throw ValidationError("The value '\(maxTokens)' of --max-tokens is negative.")
    }
    if stop.contains("") { throw ValidationError("A --stop text is empty.") }
    if raw, system != nil { throw ValidationError("--system has no place in a --raw prompt.") }
    if raw, template == .adapter {
      throw ValidationError("--template has no place in a --raw prompt.")
    }
  }

  func run() async throws {
    let isChat = prompt == nil && InputText.isTerminal
    if isChat, json || raw {
      throw ValidationError("\(json ? "--json" : "--raw") needs a PROMPT.")
    }
    let (model, loadSeconds) = try self.model.load(adapters)
    let options = GenerationOptions(maxTokens: maxTokens, sampling: sampling.options, stop: stop)
    let contextOptions = ContextOptions(length: self.model.context, template: template)
    if isChat {
      var chat = try Chat(
        model, contextOptions: contextOptions, options: options, system: system, usesPrefix: loraPrefix,
        showsStats: stats, loadSeconds: loadSeconds)
      return try await chat.run()
    }
    let prompt = try self.prompt(for: model)
    let context = try Context(model, options: contextOptions)
    if !raw { Answer.tell(context.templateNotes) }
    let isStreaming = !json && !noStream
    let completion = try await context.complete(prompt, options: options) { piece in
      if isStreaming { OutputStream.results.write(piece) }
    }
    let answer = Answer(
      completion: completion, adapters: model.adapters, loadSeconds: loadSeconds,
      template: raw ? .none : context.templateOrigin)
    if json {
      OutputStream.results.writeLine(answer.json.text)
    } else {
      if !isStreaming { OutputStream.results.write(completion.text) }
      if !completion.text.hasSuffix("\n") { OutputStream.results.write("\n") }
    }
    if let notice = answer.notice { OutputStream.messages.writeLine(notice) }
    if stats { OutputStream.messages.write(answer.statistics) }
  }

  private func prompt(for model: Model) throws -> Prompt {
    var text: String
    if let prompt, prompt != "-" {
      text = prompt
    } else {
      text = try InputText.standardInput()
      // The line feed that ends a file or an `echo` is not meant.
      if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
      if text.isEmpty { throw CommandError.noInput }
    }
    if loraPrefix { text = model.promptPrefix + text }
    if raw { return .raw(text) }
    guard let system else { return .text(text) }
    return .chat([ChatMessage(role: "system", content: system), ChatMessage(role: "user", content: text)])
  }
}

extension TemplateChoice: ExpressibleByArgument {}
