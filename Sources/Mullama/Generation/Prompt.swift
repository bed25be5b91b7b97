public import ChatTemplates
import Tokenization

/// What a model is asked to continue.
public enum Prompt: Sendable, Equatable {
  /// A user's message, in the model's chat template; as it is where the model has none.
  case text(String)
  /// A conversation, in the model's chat template.
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
  public func tokens(of prompt: Prompt) throws -> [Int32] { try tokens(of: prompt, by: tokenizer) }

  /// The same in a vocabulary to which adapters have added tokens.
  package func tokens(of prompt: Prompt, by tokenizer: Tokenizer) throws -> [Int32] {
    switch prompt {
    case .tokens(let tokens): return tokens
    case .raw(let text): return tokenizer.encode(text, addSpecial: true, parseSpecial: true)
    case .text(let text):
      return try tokens(
        of: hasChatTemplate ? .chat([ChatMessage(role: "user", content: text)]) : .raw(text), by: tokenizer)
    case .chat(let messages):
      guard let chatTemplate else { throw ModelError.noChatTemplate(file: path) }
      let text = try chatTemplate.render(
        messages: messages, addGenerationPrompt: true, bosToken: tokenizer.bos.map(text(of:)),
        eosToken: tokenizer.eos.map(text(of:)))
      return Self.encodeRendered(text, by: tokenizer)
    }
  }

  private func text(of token: Int32) -> String { String(decoding: tokenizer.bytes(of: token), as: UTF8.self) }

  /// A rendered template has its control tokens in it: the beginning of sequence is not to come twice.
  private static func encodeRendered(_ text: String, by tokenizer: Tokenizer) -> [Int32] {
    var tokens = tokenizer.encode(text, addSpecial: false, parseSpecial: true)
    if tokenizer.addsBOS, let bos = tokenizer.bos, tokens.first != bos { tokens.insert(bos, at: 0) }
    return tokens
  }
}
