extension ChatTemplateError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unexpected(let line, let found, let expected):
      "chat template, line \(line): expected \(expected), found \(found)"
    case .invalidSyntax(let line, let problem):
      "chat template, line \(line): \(problem)"
    case .unknownTag(let line, let name):
      "chat template, line \(line): there is no tag '\(name)' here; check the spelling and what it closes"
    case .unknownFilter(let line, let name):
      "chat template, line \(line): there is no filter '\(name)'"
    case .unknownTest(let line, let name):
      "chat template, line \(line): there is no test '\(name)'"
    case .unsupported(let line, let construct):
      "chat template, line \(line): \(construct) is not supported; rewrite the template without it"
    case .undefined(let line, let reason):
      "chat template, line \(line): \(reason)"
    case .invalidOperation(let line, let problem):
      "chat template, line \(line): \(problem)"
    case .forbidden(let line, let attribute, let type):
      "chat template, line \(line): '\(attribute)' of a \(type) is not allowed in a template; "
        + "build a new value instead of changing this one"
    case .integerOverflow(let line, let operation):
      "chat template, line \(line): the result of \(operation) does not fit in 64 bits"
    case .raised(_, let message):
      "the chat template refused these messages: \(message)"
    case .limitExceeded(let line, let limit, let maximum):
      "chat template, line \(line): \(limit.description) exceeds \(maximum)"
    case .invalidJSON(let offset, let problem):
      "invalid JSON at byte \(offset): \(problem)"
    }
  }
}

extension ChatTemplateError {
  /// The line in the template; nil when the error is not in a template.
  public var line: Int? {
    switch self {
    case .unexpected(let line, _, _), .invalidSyntax(let line, _), .unknownTag(let line, _),
      .unknownFilter(let line, _), .unknownTest(let line, _), .unsupported(let line, _),
      .undefined(let line, _),
      .invalidOperation(let line, _), .forbidden(let line, _, _), .integerOverflow(let line, _),
      .raised(let line, _), .limitExceeded(let line, _, _):
      line
    case .invalidJSON: nil
    }
  }
}

extension ChatTemplateError.Limit: CustomStringConvertible {
  public var description: String {
    switch self {
    case .sourceBytes: "the template's size in bytes"
    case .outputBytes: "the rendered text's size in bytes"
    case .textBytes: "the size of one text value in bytes"
    case .steps: "the work to render, in steps,"
    case .nesting: "the nesting of blocks and expressions"
    case .callDepth: "the depth of calls"
    case .rangeLength: "the length of a range"
    case .listLength: "the length of a list"
    case .valueNesting: "the nesting of lists and mappings"
    }
  }
}
