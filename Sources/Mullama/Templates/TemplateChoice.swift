/// Which chat template turns messages into prompts.
public enum TemplateChoice: String, Sendable, CaseIterable {
  /// The model's; if it has none, the one that its adapters bring.
  case auto
  /// The model's, or none.
  case model
  /// The one that the adapters bring; it is an error if they bring none.
  case adapter
}

/// Whose chat template a context has.
public enum TemplateOrigin: Sendable, Equatable {
  /// Nobody's: a text is continued as it is, a conversation is refused.
  case none
  case model
  /// That of an adapter; `name` is the one it is applied under.
  case adapter(name: String, file: String)
}

/// What a user should know about the choice of a chat template.
public enum TemplateNote: Sendable, Equatable {
  /// The model has no template, the adapter's is used.
  case fromAdapter(name: String, file: String)
  /// The model's template is used, and the adapter was trained with one that makes other prompts.
  case differs(name: String, file: String)
  /// The adapter's template is of no use, for this reason.
  case unusable(name: String, file: String, reason: String)
  /// The model has no template, and two adapters bring different ones: none is used.
  case several(first: String, second: String)

  /// Is it more than a remark: may prompts be other than in training?
  public var isWarning: Bool { if case .fromAdapter = self { false } else { true } }
}

extension TemplateNote: CustomStringConvertible {
  public var description: String {
    switch self {
    case .fromAdapter(let name, let file):
      "the model has no chat template; prompts are in that of adapter '\(name)' (\(file))"
    case .differs(let name, let file):
      "adapter '\(name)' was trained with another chat template (\(file)) than the model's, which is used; "
        + "--template adapter uses the adapter's"
    case .unusable(let name, let file, let reason):
      "the chat template of adapter '\(name)' (\(file)) cannot be used: \(reason)"
    case .several(let first, let second):
      "the model has no chat template, and the adapters '\(first)' and '\(second)' bring different ones: none is used"
    }
  }
}
