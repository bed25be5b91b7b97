/// What a user typed into a chat: a message, or a command that begins with a slash.
package enum ChatInput: Equatable, Sendable {
  case nothing
  case message(String)
  case help
  case clear
  case adapters
  case scale(name: String, Float)
  case lora(path: String, scale: Float)
  case drop(name: String)
  /// nil: no system message.
  case system(String?)
  case stats
  case exit
  /// A sentence about what is wrong.
  case invalid(String)

  package init(_ text: String) {
    let text = Self.trimmed(text[...])
    guard text.hasPrefix("/") else {
      self = text.isEmpty ? .nothing : .message(String(text))
      return
    }
    let name = text.prefix { !$0.isWhitespace }
    let rest = Self.trimmed(text.dropFirst(name.count))
    switch name {
    case "/help", "/?": self = .help
    case "/clear": self = .clear
    case "/adapters": self = .adapters
    case "/stats": self = .stats
    case "/exit", "/quit", "/bye": self = .exit
    case "/system": self = .system(rest.isEmpty ? nil : String(rest))
    case "/drop": self = rest.isEmpty ? .invalid("/drop needs an adapter's name") : .drop(name: String(rest))
    case "/scale":
      guard let (words, scale) = Self.splitScale(rest) else {
        self = .invalid("/scale needs an adapter's name and a number")
        return
      }
      self = .scale(name: words, scale)
    case "/lora":
      if let (path, scale) = Self.splitScale(rest) {
        self = .lora(path: path, scale: scale)
      } else {
        self = rest.isEmpty ? .invalid("/lora needs an adapter's path") : .lora(path: String(rest), scale: 1)
      }
    default: self = .invalid("there is no command \(name); /help lists them")
    }
  }

  package static let commands = """
    /lora PATH [SCALE]   apply an adapter
    /scale NAME SCALE    change an adapter's scale; 0 switches it off
    /drop NAME           take an adapter away
    /adapters            list the adapters
    /system [TEXT]       set the system message, or remove it; begins a new conversation
    /clear               begin a new conversation
    /stats               timings of the last answer
    /exit                leave, as Ctrl-D does
    Ctrl-C stops an answer. \""" before and after a text keeps its lines together.

    """

  /// A text and the finite number behind it.
  private static func splitScale(_ text: Substring) -> (String, Float)? {
    guard let gap = text.lastIndex(where: \.isWhitespace) else { return nil }
    guard let scale = Float(text[text.index(after: gap)...]), scale.isFinite else { return nil }
    let words = trimmed(text[..<gap])
    return words.isEmpty ? nil : (String(words), scale)
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
