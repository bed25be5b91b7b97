// Values that have state or can be called.

/// `namespace(…)`: the one thing a template can change from an inner scope.
final class Namespace {
  var attributes = RuntimeMap()
}

/// `loop` in the body of a `for`.
final class LoopState {
  let items: [RuntimeValue]
  var index = 0
  var lastChanged: [RuntimeValue]?

  init(items: [RuntimeValue]) { self.items = items }
}

/// `cycler(a, b, …)`: gives its items in turn.
final class Cycler {
  let items: RuntimeList
  var position = 0

  init(items: [RuntimeValue]) { self.items = RuntimeList(items) }
}

/// `joiner(separator)`: nothing on the first call, then the separator.
final class Joiner {
  let separator: RuntimeValue
  var isUsed = false

  init(separator: RuntimeValue) { self.separator = separator }
}

/// A macro with the scope it was defined in, whose names it sees.
final class Macro {
  let definition: MacroDefinition
  let scope: Scope

  init(_ definition: MacroDefinition, scope: Scope) {
    self.definition = definition
    self.scope = scope
  }
}

/// A method taken from a value: `text.upper` before the call.
final class BoundMethod {
  let receiver: RuntimeValue
  let name: String

  init(receiver: RuntimeValue, name: String) {
    self.receiver = receiver
    self.name = name
  }
}

/// Functions every template can call.
enum Builtin: String, CaseIterable {
  case range, dict, namespace, cycler, joiner, lipsum
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"
}

/// Names and their values; an inner scope sees the outer ones, and sets only its own.
final class Scope {
  var values: [String: RuntimeValue] = [:]
  let parent: Scope?

  init(parent: Scope?) { self.parent = parent }

  func lookUp(_ name: String) -> RuntimeValue? {
    var scope: Scope? = self
    while let current = scope {
      if let value = current.values[name] { return value }
      scope = current.parent
    }
    return nil
  }
}
