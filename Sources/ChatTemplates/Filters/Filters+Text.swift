// Filters on text. Like Jinja's, most turn any value into text first, and keep safe text safe.
extension Filters {
  private static func transformed(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ transform: (String) -> String
  ) throws(ChatTemplateError) -> RuntimeValue {
    let text = try interpreter.display(value)
    try interpreter.chargeText(text.utf8.count)
    try interpreter.charge(text.utf8.count / 4)
    return interpreter.rewrapped(transform(text), like: value)
  }

  @Sendable
  static func string(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try transformed(interpreter, value) { $0 }
  }

  @Sendable
  static func upper(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try transformed(interpreter, value) { $0.pythonUpper() }
  }

  @Sendable
  static func lower(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try transformed(interpreter, value) { $0.pythonLower() }
  }

  @Sendable
  static func capitalize(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try transformed(interpreter, value) { $0.pythonCapitalized() }
  }

  /// Unlike `str.title`: words begin after space, `-`, `(`, `{`, `[` and `<`, not after an apostrophe.
  @Sendable
  static func title(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let text = try interpreter.display(value)
    try interpreter.chargeText(text.utf8.count)
    try interpreter.charge(text.utf8.count / 4)
    var result = ""
    var word = ""
    func finish(_ word: String) -> String {
      guard let first = word.unicodeScalars.first else { return "" }
      return first.properties.uppercaseMapping + String(word.unicodeScalars.dropFirst()).pythonLower()
    }
    for scalar in text.unicodeScalars {
      if scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar) {
        result += finish(word)
        word = ""
        result.append(scalar: scalar)
      } else {
        word.append(scalar: scalar)
      }
    }
    return .string(result + finish(word))
  }

  @Sendable
  static func trim(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    var characters: String?
    if let argument = arguments[0], !argument.isNone {
      characters = try interpreter.string(argument, of: "trim")
    }
    return try transformed(interpreter, value) { $0.stripped(of: characters) }
  }

  @Sendable
  static func replace(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let old = try interpreter.display(arguments[0] ?? .none)
    let new = try interpreter.display(arguments[1] ?? .none)
    var count = -1
    if let argument = arguments[2], !argument.isNone {
      count = try interpreter.integer(argument, of: "replace")
    }
    return .string(try interpreter.replacing(old, with: new, in: try interpreter.display(value), count))
  }

  @Sendable
  static func indent(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    try interpreter.requireDefined(value)
    let text = try interpreter.string(value, of: "indent")
    let width = arguments[0] ?? .int(4)
    let count = width.text == nil ? Swift.max(0, try interpreter.integer(width, of: "indent")) : 0
    try interpreter.chargeText(count)
    let margin = width.text ?? String(repeating: " ", count: count)
    let indentsFirst = arguments[1]?.isTrue ?? false
    let indentsBlank = arguments[2]?.isTrue ?? false
    let lines = (text + "\n").pythonLines()
    let (grown, overflows) = lines.count.multipliedReportingOverflow(by: margin.utf8.count + 1)
    try interpreter.chargeText(overflows ? .max : text.utf8.count + grown)
    var result = indentsFirst ? margin : ""
    for (index, line) in lines.enumerated() {
      if index > 0 {
        result += "\n"
        if indentsBlank || !line.isEmpty { result += margin }
      }
      result += line
    }
    return interpreter.rewrapped(result, like: value)
  }

  @Sendable
  static func truncate(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let length = try interpreter.integer(arguments[0] ?? .int(255), of: "truncate")
    let end = try interpreter.string(arguments[2] ?? .string("..."), of: "truncate")
    var leeway = 5
    if let argument = arguments[3], !argument.isNone {
      leeway = try interpreter.integer(argument, of: "truncate")
    }
    let endLength = end.unicodeScalars.count
    guard length >= endLength, leeway >= 0 else {
      throw interpreter.invalid(
        "'truncate' needs a length of at least \(endLength) and a leeway of at least 0")
    }
    let count = try interpreter.length(of: value)
    if count <= length.addingReportingOverflow(leeway).partialValue || length > .max - leeway { return value }
    let text = try interpreter.string(value, of: "truncate")
    try interpreter.chargeText(text.utf8.count)
    try interpreter.charge(text.utf8.count / 4)
    let kept = text.unicodeScalars.prefix(length - endLength)
    if arguments[1]?.isTrue ?? false { return interpreter.rewrapped(String(kept) + end, like: value) }
    let cut = kept.lastIndex(of: " ") ?? kept.endIndex
    return interpreter.rewrapped(String(kept[..<cut]) + end, like: value)
  }

  /// Runs of letters, digits and underscores.
  @Sendable
  static func wordcount(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: [RuntimeValue?]
  ) throws(ChatTemplateError) -> RuntimeValue {
    let text = try interpreter.display(value)
    try interpreter.chargeText(text.utf8.count)
    try interpreter.charge(text.utf8.count / 4)
    var count = 0
    var inWord = false
    for scalar in text.unicodeScalars {
      let isPart = scalar == "_" || scalar.isLetter || scalar.properties.numericType != nil
      if isPart && !inWord { count += 1 }
      inWord = isPart
    }
    return .int(count)
  }

  /// `"%s and %d" | format(a, b)`.
  @Sendable
  static func format(
    _ interpreter: Interpreter, _ value: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    guard arguments.positional.isEmpty || arguments.named.isEmpty else {
      throw interpreter.invalid("'format' takes positional or named arguments, not both")
    }
    let format = try interpreter.display(value)
    guard !arguments.named.isEmpty else {
      return .string(try interpreter.percentFormat(format, .tuple(arguments.positional)))
    }
    let map = RuntimeMap()
    for (name, value) in arguments.named { map.set(name, to: value) }
    return .string(try interpreter.percentFormat(format, .map(map)))
  }
}
