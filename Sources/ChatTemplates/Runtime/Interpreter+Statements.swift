extension Interpreter {
  enum Flow { case normal, breakLoop, continueLoop }

  func execute(_ body: [Statement]) throws(ChatTemplateError) -> Flow {
    for statement in body {
      line = statement.line
      try charge()
      let flow = try execute(statement)
      if flow != .normal { return flow }
    }
    return .normal
  }

  private func execute(_ statement: Statement) throws(ChatTemplateError) -> Flow {
    switch statement.kind {
    case .text(let text):
      try emit(text)
    case .output(let expression):
      try emit(try display(try evaluate(expression)))
    case .conditional(let branches, let otherwise):
      return try executeConditional(branches, otherwise: otherwise)
    case .loop(let loop):
      return try executeLoop(loop, line: statement.line)
    case .assign(let target, let expression):
      try checkNamespaces(of: target)
      let value = try evaluate(expression)
      line = statement.line
      try assign(value, to: target)
    case .assignBlock(let target, let filters, let body):
      return try executeAssignBlock(target, filters: filters, body: body)
    case .macro(let definition):
      scope.values[definition.name] = .macro(makeMacro(definition))
    case .callBlock(let definition, let callee, let list):
      try executeCallBlock(definition, callee: callee, list: list, line: statement.line)
    case .filterBlock(let filters, let body):
      return try executeFilterBlock(filters, body: body)
    case .with(let bindings, let body):
      return try executeWith(bindings, body: body)
    case .scope(let body):
      return try executeInner(body)
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .normal
  }

  private func executeInner(_ body: [Statement]) throws(ChatTemplateError) -> Flow {
    try descend()
    defer { ascend() }
    return try withScope(Scope(parent: scope)) { () throws(ChatTemplateError) in try execute(body) }
  }

  private func executeConditional(
    _ branches: [(condition: Expression, body: [Statement])], otherwise: [Statement]
  ) throws(ChatTemplateError) -> Flow {
    try descend()
    defer { ascend() }
    for branch in branches where try evaluate(branch.condition).isTrue { return try execute(branch.body) }
    return try execute(otherwise)
  }

  private func executeLoop(_ loop: Statement.Loop, line: Int) throws(ChatTemplateError) -> Flow {
    try descend()
    defer { ascend() }
    var items = try elements(of: try evaluate(loop.iterable))
    if let condition = loop.condition {
      var kept: [RuntimeValue] = []
      for item in items {
        try charge()
        let isKept = try withScope(Scope(parent: scope)) { () throws(ChatTemplateError) in
          try assign(item, to: loop.target)
          return try evaluate(condition).isTrue
        }
        guard isKept else { continue }
        // Jinja's filtered loop passes on what it unpacked, as a tuple.
        if case .tuple = loop.target {
          kept.append(.tuple(try elements(of: item)))
        } else {
          kept.append(item)
        }
      }
      items = kept
    }
    let state = LoopState(items: items)
    // Jinja runs `else` unless some round reached the end of the body: also when each was left by `continue`,
    // or the first by `break`.
    var finishedRound = false
    for (index, item) in items.enumerated() {
      self.line = line
      try charge()
      state.index = index
      let inner = Scope(parent: scope)
      inner.values["loop"] = .loop(state)
      let flow = try withScope(inner) { () throws(ChatTemplateError) in
        try assign(item, to: loop.target)
        return try execute(loop.body)
      }
      if flow == .breakLoop { break }
      if flow == .normal { finishedRound = true }
    }
    if finishedRound { return .normal }
    return try withScope(Scope(parent: scope)) { () throws(ChatTemplateError) in try execute(loop.otherwise) }
  }

  private func executeAssignBlock(
    _ target: Target, filters: [FilterCall], body: [Statement]
  ) throws(ChatTemplateError) -> Flow {
    try checkNamespaces(of: target)
    let inner = Scope(parent: scope)
    let (text, flow) = try capture { () throws(ChatTemplateError) in
      try withScope(inner) { () throws(ChatTemplateError) in try execute(body) }
    }
    // A loop left in the middle of the block leaves the name unset.
    guard flow == .normal else { return flow }
    let value = try withScope(inner) { () throws(ChatTemplateError) in
      try apply(filters, to: .string(text))
    }
    try assign(value, to: target)
    return .normal
  }

  private func executeFilterBlock(_ filters: [FilterCall], body: [Statement]) throws(ChatTemplateError)
    -> Flow
  {
    let inner = Scope(parent: scope)
    let (text, flow) = try capture { () throws(ChatTemplateError) in
      try withScope(inner) { () throws(ChatTemplateError) in try execute(body) }
    }
    guard flow == .normal else { return flow }
    let value = try withScope(inner) { () throws(ChatTemplateError) in
      try apply(filters, to: .string(text))
    }
    guard let filtered = value.text else { throw invalid("a 'filter' block needs filters that give text") }
    try emit(filtered)
    return .normal
  }

  private func executeWith(
    _ bindings: [(target: Target, value: Expression)], body: [Statement]
  ) throws(ChatTemplateError) -> Flow {
    let inner = Scope(parent: scope)
    for binding in bindings {
      let value = try evaluate(binding.value)
      try withScope(inner) { () throws(ChatTemplateError) in try assign(value, to: binding.target) }
    }
    return try withScope(inner) { () throws(ChatTemplateError) in try execute(body) }
  }

  private func executeCallBlock(
    _ definition: MacroDefinition, callee: Expression, list: ArgumentList, line: Int
  ) throws(ChatTemplateError) {
    let function = try evaluate(callee)
    var arguments = try evaluate(list)
    arguments.named.append(("caller", .macro(makeMacro(definition))))
    self.line = line
    try emit(try display(try call(function, arguments)))
  }

  func apply(_ filters: [FilterCall], to value: RuntimeValue) throws(ChatTemplateError) -> RuntimeValue {
    var value = value
    for filter in filters { value = try apply(filter, to: value) }
    return value
  }

  // MARK: Assignment

  private func checkNamespaces(of target: Target) throws(ChatTemplateError) {
    switch target {
    case .name: return
    case .tuple(let parts): for part in parts { try checkNamespaces(of: part) }
    case .namespaceAttribute(let name, _): _ = try namespace(named: name)
    }
  }

  private func namespace(named name: String) throws(ChatTemplateError) -> Namespace {
    guard case .namespace(let namespace) = scope.lookUp(name) else {
      throw invalid("'\(name)' is not a namespace, and only a namespace's attributes can be set")
    }
    return namespace
  }

  func assign(_ value: RuntimeValue, to target: Target) throws(ChatTemplateError) {
    switch target {
    case .name(let name):
      scope.values[name] = value
    case .namespaceAttribute(let name, let attribute):
      let namespace = try namespace(named: name)
      namespace.attributes.set(attribute, to: value)
    case .tuple(let parts):
      let items = try elements(of: value)
      guard items.count == parts.count else {
        throw invalid("cannot unpack \(items.count) values into \(parts.count) names")
      }
      for (part, item) in zip(parts, items) { try assign(item, to: part) }
    }
  }
}
