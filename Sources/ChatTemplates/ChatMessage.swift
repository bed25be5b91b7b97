/// One message of a conversation.
public struct ChatMessage: Sendable, Equatable, Codable {
  /// Who speaks: `system`, `user`, `assistant`, or what else the model's template knows.
  public var role: String
  public var content: String

  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }
}

extension ChatTemplate {
  /// The prompt for a conversation.
  ///
  /// - Parameters:
  ///   - addGenerationPrompt: ends the prompt where the assistant's answer begins.
  ///   - bosToken: the text of the token that begins a sequence; nil leaves the variable undefined. A template that
  ///     prints it expects the tokenizer not to add it again.
  ///   - extra: more variables, which win over the usual ones.
  /// - Throws: `ChatTemplateError`; `.raised` when the template refuses, as some do for a system message.
  package func render(
    messages: [ChatMessage], addGenerationPrompt: Bool, bosToken: String?, eosToken: String?,
    extra: [String: TemplateValue] = [:]
  ) throws(ChatTemplateError) -> String {
    let values = messages.map { message in
      TemplateValue.object(["role": .string(message.role), "content": .string(message.content)])
    }
    return try render(
      conversation: values, addGenerationPrompt: addGenerationPrompt, bosToken: bosToken, eosToken: eosToken,
      extra: extra)
  }

  /// As `render(messages:…)`, for messages with more than a role and a text: tool calls, parts, names.
  package func render(
    conversation: [TemplateValue], addGenerationPrompt: Bool, bosToken: String?, eosToken: String?,
    extra: [String: TemplateValue] = [:]
  ) throws(ChatTemplateError) -> String {
    var context: [String: TemplateValue] = [
      "messages": .array(conversation), "add_generation_prompt": .bool(addGenerationPrompt),
      // Templates ask `if tools`, and some `is not none`: without tools the variable is none, not undefined.
      "tools": .none, "documents": .none,
    ]
    context["bos_token"] = bosToken.map { .string($0) }
    context["eos_token"] = eosToken.map { .string($0) }
    return try render(context.merging(extra) { _, new in new })
  }
}
