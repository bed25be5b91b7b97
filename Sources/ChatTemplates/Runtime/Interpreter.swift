/// Runs one template once: walks its tree, collects the output, and counts what that costs.
final class Interpreter {
  let limits: TemplateLimits
  let now: @Sendable () -> TemplateDate
  /// Line of the node being evaluated, for errors.
  var line = 1
  var output = ""
  var scope: Scope

  private var steps = 0
  private var depth = 0
  /// Macros and namespaces can refer to themselves; these are emptied at the end, which breaks the cycles.
  private var capturedScopes: [Scope] = []
  private var namespaces: [Namespace] = []

  init(limits: TemplateLimits, now: @escaping @Sendable () -> TemplateDate) {
    self.limits = limits
    self.now = now
    let globals = Scope(parent: nil)
    for builtin in Builtin.allCases { globals.values[builtin.rawValue] = .builtin(builtin) }
    scope = Scope(parent: globals)
  }

  /// - Throws: `ChatTemplateError`: the first error of the template, or a limit reached.
  func run(_ body: [Statement], context: [String: TemplateValue]) throws(ChatTemplateError) -> String {
    defer { breakCycles() }
    for (name, value) in context { scope.values[name] = try convert(value, depth: 0) }
    _ = try execute(body)
    return output
  }

  private func convert(_ value: TemplateValue, depth: Int) throws(ChatTemplateError) -> RuntimeValue {
    guard depth < limits.valueNesting else { throw limit(.valueNesting, limits.valueNesting) }
    switch value {
    case .none: return .none
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let text): return .string(text)
    case .array(let items):
      var converted: [RuntimeValue] = []
      converted.reserveCapacity(items.count)
      for item in items { converted.append(try convert(item, depth: depth + 1)) }
      return .list(converted)
    case .object(let object):
      let map = RuntimeMap()
      for entry in object.entries { map.set(entry.key, to: try convert(entry.value, depth: depth + 1)) }
      return .map(map)
    }
  }

  // MARK: Cost

  func charge(_ amount: Int = 1) throws(ChatTemplateError) {
    steps += amount
    guard steps <= limits.steps else { throw limit(.steps, limits.steps) }
  }

  /// Accounts for a new text of `bytes` bytes; call before making it.
  func chargeText(_ bytes: Int) throws(ChatTemplateError) {
    guard bytes <= limits.textBytes else { throw limit(.textBytes, limits.textBytes) }
    try charge(1 + bytes / 16)
  }

  /// Accounts for a new list of `count` items; call before making it.
  func chargeList(_ count: Int) throws(ChatTemplateError) {
    guard count <= limits.listLength else { throw limit(.listLength, limits.listLength) }
    try charge(1 + count)
  }

  func descend() throws(ChatTemplateError) {
    depth += 1
    guard depth <= limits.callDepth else { throw limit(.callDepth, limits.callDepth) }
  }

  func ascend() { depth -= 1 }

  /// The value unless it is nested too deep: freeing a value takes stack for each level.
  func checked(_ value: RuntimeValue) throws(ChatTemplateError) -> RuntimeValue {
    guard value.depth <= limits.valueNesting else { throw limit(.valueNesting, limits.valueNesting) }
    return value
  }

  func emit(_ text: String) throws(ChatTemplateError) {
    try charge(1 + text.utf8.count / 16)
    output += text
    guard output.utf8.count <= limits.outputBytes else { throw limit(.outputBytes, limits.outputBytes) }
  }

  /// What `body` writes, instead of writing it.
  func capture<Outcome>(
    _ body: () throws(ChatTemplateError) -> Outcome
  ) throws(ChatTemplateError) -> (text: String, outcome: Outcome) {
    let saved = output
    output = ""
    let outcome = try body()
    let text = output
    output = saved
    return (text, outcome)
  }

  func withScope<Outcome>(
    _ inner: Scope, _ body: () throws(ChatTemplateError) -> Outcome
  ) throws(ChatTemplateError) -> Outcome {
    let saved = scope
    scope = inner
    defer { scope = saved }
    return try body()
  }

  // MARK: Cycles

  func makeMacro(_ definition: MacroDefinition) -> Macro {
    if capturedScopes.last !== scope { capturedScopes.append(scope) }
    return Macro(definition, scope: scope)
  }

  func makeNamespace(_ attributes: RuntimeMap) -> Namespace {
    let namespace = Namespace()
    namespace.attributes = attributes
    namespaces.append(namespace)
    return namespace
  }

  private func breakCycles() {
    // Emptied one by one while the arrays still hold them all, so that no chain of them is freed recursively.
    for scope in capturedScopes { scope.values = [:] }
    for namespace in namespaces { namespace.attributes = RuntimeMap() }
    capturedScopes = []
    namespaces = []
  }

  // MARK: Errors

  func limit(_ limit: ChatTemplateError.Limit, _ maximum: Int) -> ChatTemplateError {
    .limitExceeded(line: line, limit: limit, maximum: maximum)
  }

  func invalid(_ problem: String) -> ChatTemplateError { .invalidOperation(line: line, problem: problem) }

  func overflow(_ operation: String) -> ChatTemplateError {
    .integerOverflow(line: line, operation: operation)
  }

  func unsupported(_ construct: String) -> ChatTemplateError {
    .unsupported(line: line, construct: construct)
  }

  /// The error of using an undefined value.
  func undefinedError(_ reason: RuntimeValue.MissingReason) -> ChatTemplateError {
    switch reason {
    case .variable(let name): .undefined(line: line, reason: "'\(name)' is undefined")
    case .attribute(let name, let type):
      .undefined(line: line, reason: "a \(type) has no attribute '\(name)'")
    case .item(let type): .undefined(line: line, reason: "a \(type) has no such item")
    case .note(let text): .undefined(line: line, reason: text)
    case .forbidden(let name, let type): .forbidden(line: line, attribute: name, type: type)
    }
  }

  /// Throws when the value is undefined: what most operations do first.
  func requireDefined(_ value: RuntimeValue) throws(ChatTemplateError) {
    if case .undefined(let reason) = value { throw undefinedError(reason) }
  }
}
