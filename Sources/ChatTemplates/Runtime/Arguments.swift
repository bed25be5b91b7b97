/// The values a function, filter or test is called with.
struct Arguments {
  var positional: [RuntimeValue] = []
  var named: [(name: String, value: RuntimeValue)] = []

  /// The arguments in the order of `parameters`; nil where one is left out.
  ///
  /// Throws for too many, unknown, doubled, and (the first `required`) missing ones.
  func bound(
    to parameters: [String], required: Int = 0, of function: String, _ interpreter: Interpreter
  ) throws(ChatTemplateError) -> [RuntimeValue?] {
    guard positional.count <= parameters.count else {
      throw interpreter.invalid(
        "'\(function)' takes at most \(parameters.count) arguments, not \(positional.count)")
    }
    var values: [RuntimeValue?] = Array(repeating: nil, count: parameters.count)
    for (index, value) in positional.enumerated() { values[index] = value }
    for (name, value) in named {
      guard let index = parameters.firstIndex(of: name) else {
        throw interpreter.invalid("'\(function)' has no argument '\(name)'")
      }
      guard values[index] == nil else {
        throw interpreter.invalid("'\(function)' is given '\(name)' twice")
      }
      values[index] = value
    }
    for index in 0..<required where values[index] == nil {
      throw interpreter.invalid("'\(function)' needs the argument '\(parameters[index])'")
    }
    return values
  }

  /// Refuses named arguments, as Python's built-in methods do.
  func positionalOnly(
    _ range: ClosedRange<Int>, of function: String, _ interpreter: Interpreter
  ) throws(ChatTemplateError) -> [RuntimeValue] {
    guard named.isEmpty else { throw interpreter.invalid("'\(function)' takes no named arguments") }
    guard range.contains(positional.count) else {
      throw interpreter.invalid(
        "'\(function)' takes \(range.lowerBound) to \(range.upperBound) arguments, not \(positional.count)")
    }
    return positional
  }
}
