/// A statement of a template: text, output, or a block.
struct Statement: Sendable {
  indirect enum Kind: Sendable {
    case text(String)
    case output(Expression)
    case conditional([(condition: Expression, body: [Statement])], otherwise: [Statement])
    case loop(Loop)
    case assign(Target, Expression)
    case assignBlock(Target, filters: [FilterCall], body: [Statement])
    case macro(MacroDefinition)
    /// `{% call(parameters) callee(arguments) %}body{% endcall %}`: the body becomes `caller`.
    case callBlock(MacroDefinition, callee: Expression, arguments: ArgumentList)
    case filterBlock([FilterCall], body: [Statement])
    case with([(target: Target, value: Expression)], body: [Statement])
    /// A body with names of its own: `{% generation %}`.
    case scope([Statement])
    case breakLoop
    case continueLoop
  }

  struct Loop: Sendable {
    var target: Target
    var iterable: Expression
    var condition: Expression?
    var body: [Statement]
    var otherwise: [Statement]
  }

  var kind: Kind
  var line: Int
}

/// What `set`, `for` and `with` assign to.
indirect enum Target: Sendable {
  case name(String)
  case namespaceAttribute(namespace: String, attribute: String)
  case tuple([Target])
}

/// A macro as written. A parameter without a default is undefined when the caller leaves it out.
struct MacroDefinition: Sendable {
  var name: String
  var parameters: [(name: String, defaultValue: Expression?)]
  var body: [Statement]
  /// Whether the body reads `caller`, `kwargs`, `varargs`: only then does the macro accept them.
  var usesCaller = false
  var usesNamedRest = false
  var usesPositionalRest = false
}
