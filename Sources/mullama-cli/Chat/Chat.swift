import Mullama
import Synchronization

/// A conversation at a terminal, whose adapters can be changed while it goes on.
struct Chat {
  private let model: Model
  private let manager: LoRAManager
  private let contextOptions: ContextOptions
  private let options: GenerationOptions
  /// Are the adapters' prompt prefixes put before each message?
  private let usesPrefix: Bool
  private let showsStats: Bool
  private let loadSeconds: Double
  private var context: Context
  private var system: String?
  private var messages: [ChatMessage] = []
  private var last: Answer?
  private var reader = MessageReader()

  init(
    _ model: Model, contextOptions: ContextOptions, options: GenerationOptions, system: String?,
    usesPrefix: Bool, showsStats: Bool, loadSeconds: Double
  ) throws {
    self.model = model
    manager = LoRAManager(model)
    self.contextOptions = contextOptions
    self.options = options
    self.system = system
    self.usesPrefix = usesPrefix
    self.showsStats = showsStats
    self.loadSeconds = loadSeconds
    context = try Context(model, options: contextOptions)
    if context.templateOrigin == .none {
      Answer.tell(context.templateNotes)
      throw CommandError.noChat(model: model.path)
    }
  }

  /// Talks until the user leaves.
  mutating func run() async throws {
    say(Wording.printable("\(model.name), adapters: \(Answer.list(model.adapters)). /help lists commands."))
    Answer.tell(context.templateNotes)
    let running = RunningAnswer()
    Interruption.handle {
      if !running.cancel() { OutputStream.messages.write("\n(Ctrl-D or /exit leaves)\n> ") }
    }
    while true {
      OutputStream.messages.write("> ")
      guard let text = reader.next(onContinuation: { OutputStream.messages.write("… ") }) else { break }
      let input = ChatInput(text)
      if input == .exit { return }
      do {
        if case .message(let text) = input {
          try await answer(text, running)
        } else {
          try obey(input)
        }
      } catch {
        say("mullama: \(Wording.printable("\(error)"))")
      }
    }
    OutputStream.messages.writeLine()
  }

  /// Answers a message. What Ctrl-C left of an answer stays in the conversation; a message that failed does not.
  private mutating func answer(_ message: String, _ running: RunningAnswer) async throws {
    let text = usesPrefix ? model.promptPrefix + message : message
    var conversation = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
    conversation += messages + [ChatMessage(role: "user", content: text)]
    let (context, options) = (context, options)
    let shown = Mutex("")
    let prompt = Prompt.chat(conversation)
    defer { if !shown.withLock({ $0.hasSuffix("\n") }) { OutputStream.results.write("\n") } }
    do {
      let completion = try await running.run {
        try await context.complete(prompt, options: options) { piece in
          shown.withLock { $0 += piece }
          OutputStream.results.write(piece)
        }
      }
      let answer = Answer(
        completion: completion, adapters: model.adapters, loadSeconds: loadSeconds,
        template: context.templateOrigin)
      last = answer
      if let notice = answer.notice { say("\n" + notice) }
    } catch is CancellationError {
      last = nil
    }
    messages.append(ChatMessage(role: "user", content: text))
    messages.append(ChatMessage(role: "assistant", content: shown.withLock { $0 }))
    if showsStats, let last { OutputStream.messages.write("\n" + last.statistics) }
  }

  private mutating func obey(_ input: ChatInput) throws {
    switch input {
    case .nothing, .message, .exit: break
    case .help: OutputStream.messages.write(ChatInput.commands)
    case .clear: messages = []
    case .system(let text):
      system = text
      messages = []
    case .stats:
      OutputStream.messages.write(last?.statistics ?? "no answer yet\n")
    case .adapters: say(adapterTable)
    case .lora(let path, let scale):
      try model.applyAdapter(LoRAAdapter.load(path), scale: scale)
      try adaptersChanged()
    case .scale(let name, let scale):
      try manager.setScale(scale, of: name)
      try adaptersChanged()
    case .drop(let name):
      try manager.remove(name)
      try adaptersChanged()
    case .invalid(let reason): say("mullama: \(Wording.printable(reason))")
    }
  }

  /// A context keeps the adapters it began with, so a change asks for a new one; the conversation goes on in it.
  private mutating func adaptersChanged() throws {
    let known = context.templateNotes
    context = try Context(model, options: contextOptions)
    say("adapters: \(Answer.list(model.adapters))")
    Answer.tell(context.templateNotes.filter { !known.contains($0) })
  }

  private var adapterTable: String {
    if model.adapters.isEmpty { return "no adapters" }
    var table = Table([
      ("name", .left), ("scale", .right), ("rank", .right), ("sites", .right), ("bytes", .right),
      ("answers", .right), ("file", .left),
    ])
    for entry in manager.residency {
      table.append(
        entry.name, entry.scale.map { "\($0)" } ?? "–", InspectReport.range(entry.ranks), "\(entry.sites)",
        Wording.bytes(entry.byteCount), "\(entry.generations)", entry.path)
    }
    return String(table.text().dropLast())
  }

  private func say(_ line: String) { OutputStream.messages.writeLine(line) }
}

/// The answer that is being generated, if one is: what Ctrl-C stops.
private final class RunningAnswer: Sendable {
  private let task = Mutex<Task<Completion, any Error>?>(nil)

  func run(_ work: @escaping @Sendable () async throws -> Completion) async throws -> Completion {
    let task = Task { try await work() }
    self.task.withLock { $0 = task }
    defer { self.task.withLock { $0 = nil } }
    return try await task.value
  }

  /// False if nothing is running.
  func cancel() -> Bool {
    task.withLock { task in
      task?.cancel()
      return task != nil
    }
  }
}
