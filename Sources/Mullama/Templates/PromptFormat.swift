import ChatTemplates
import Tokenization

/// A chat template and the texts of the special tokens that it may print.
struct PromptFormat: Sendable {
  private let template: ChatTemplate
  /// nil: those of the model's vocabulary.
  private let bos: String?
  private let eos: String?

  init(_ template: ChatTemplate, bos: String? = nil, eos: String? = nil) {
    self.template = template
    self.bos = bos
    self.eos = eos
  }

  /// The text of a conversation, up to where the assistant's answer begins.
  ///
  /// - Parameter tokenizer: has the texts that the template's maker did not name; nil: they are undefined.
  func render(_ messages: [ChatMessage], by tokenizer: Tokenizer? = nil) throws(ChatTemplateError) -> String {
    func text(_ token: Int32?) -> String? {
      guard let tokenizer, let token else { return nil }
      return String(decoding: tokenizer.bytes(of: token), as: UTF8.self)
    }
    return try template.render(
      messages: messages, addGenerationPrompt: true, bosToken: bos ?? text(tokenizer?.bos),
      eosToken: eos ?? text(tokenizer?.eos))
  }

  /// The tokens of a conversation.
  func tokens(of messages: [ChatMessage], by tokenizer: Tokenizer) throws(ChatTemplateError) -> [Int32] {
    // The control tokens are in the text: the beginning of sequence is not to come twice.
    var tokens = tokenizer.encode(
      try render(messages, by: tokenizer), addSpecial: false, parseSpecial: true)
    if tokenizer.addsBOS, let bos = tokenizer.bos, tokens.first != bos { tokens.insert(bos, at: 0) }
    return tokens
  }

  /// Does another template make the same tokens of conversations as they usually are? One that refuses a system message
  /// agrees with others that do.
  func agrees(with other: PromptFormat, by tokenizer: Tokenizer) -> Bool {
    Self.samples.allSatisfy { sample in
      (try? tokens(of: sample, by: tokenizer)) == (try? other.tokens(of: sample, by: tokenizer))
    }
  }

  private static let samples: [[ChatMessage]] = {
    let question = ChatMessage(role: "user", content: "What is 2 + 2?")
    let answer = ChatMessage(role: "assistant", content: "It is 4.")
    let system = ChatMessage(role: "system", content: "Be brief.")
    return [[question], [question, answer, question], [system, question]]
  }()
}
