/// A chat template: the Jinja program, shipped with a model, that turns a conversation into the model's prompt.
///
/// It behaves as in transformers' `apply_chat_template`: Jinja 3.1 in its immutable sandbox with `trim_blocks`,
/// `lstrip_blocks`, `break` and `continue`, the functions `raise_exception` and `strftime_now`, a `tojson` that keeps
/// text as it is, and the tag `generation`. What is left out (inheritance, imports, recursive loops, integers beyond
/// 64 bits) is refused by name. A template is hostile input: its cost is bounded, and it can reach nothing but the
/// values it is given.
public struct ChatTemplate: Sendable {
  private let body: [Statement]
  private let limits: TemplateLimits

  /// Parses a template.
  ///
  /// - Throws: `ChatTemplateError` with the line of the first mistake.
  public init(_ source: String) throws(ChatTemplateError) {
    try self.init(source, limits: TemplateLimits())
  }

  init(_ source: String, limits: TemplateLimits) throws(ChatTemplateError) {
    body = try Parser.parse(source, limits: limits)
    self.limits = limits
  }

  /// Renders with the given variables.
  ///
  /// - Parameter now: the time `strftime_now` shows.
  /// - Throws: `ChatTemplateError`; `.raised` when the template itself refuses the conversation.
  package func render(
    _ context: [String: TemplateValue], now: @escaping @Sendable () -> TemplateDate = TemplateDate.now
  ) throws(ChatTemplateError) -> String {
    try Interpreter(limits: limits, now: now).run(body, context: context)
  }
}
