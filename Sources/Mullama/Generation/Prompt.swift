public import ChatTemplates
import Tokenization

/// What a model is asked to continue.
public enum Prompt: Sendable, Equatable {
  /// A user's message, in the context's chat template; as it is where there is none.
  case text(String)
  /// A conversation, in the context's chat template.
  case chat([ChatMessage])
  /// Text exactly as it is. Control tokens in it are recognised.
  case raw(String)
  case tokens([Int32])

  /// Does what follows stand by itself (an answer), rather than go on in the middle of a text?
  var beginsAnswer: Bool {
    switch self {
    case .text, .chat: true
    case .raw, .tokens: false
    }
  }
}

/// One message of a conversation.
public typealias ChatMessage = ChatTemplates.ChatMessage

extension Model {
  /// The token ids of a prompt, those that begin a sequence included, in the model's own vocabulary.
  ///
  /// - Throws: `ModelError.noChatTemplate`, or what the template says is wrong with the messages.
  public func tokens(of prompt: Prompt) throws -> [Int32] {
    try tokens(of: prompt, by: tokenizer, format: format)
  }

  /// The same in a vocabulary to which adapters have added tokens, and in the form of a template; nil: of none.
  func tokens(of prompt: Prompt, by tokenizer: Tokenizer, format: PromptFormat?) throws -> [Int32] {
    switch prompt {
    case .tokens(let tokens): return tokens
    case .raw(let text): return tokenizer.encode(text, addSpecial: true, parseSpecial: true)
    case .text(let text):
      let message = ChatMessage(role: "user", content: text)
      return try tokens(of: format == nil ? .raw(text) : .chat([message]), by: tokenizer, format: format)
    case .chat(let messages):
      guard let format else { throw ModelError.noChatTemplate(file: path) }
      return try format.tokens(of: messages, by: tokenizer)
    }
  }
}
