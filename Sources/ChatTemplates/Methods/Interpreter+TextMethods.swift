// The methods of Python's `str`.
extension Interpreter {
  func callTextMethod(
    _ name: String, _ text: String, like receiver: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    func made(_ text: String) -> RuntimeValue { rewrapped(text, like: receiver) }
    switch name {
    case "split", "rsplit": return try splitText(name, text, like: receiver, arguments)
    case "splitlines":
      let values = try arguments.bound(to: ["keepends"], of: name, self)
      return .list(text.pythonLines(keepEnds: values[0]?.isTrue ?? false).map(made))
    case "replace":
      let values = try arguments.positionalOnly(2...3, of: name, self)
      let count = values.count > 2 ? try integer(values[2], of: name) : -1
      var new = try string(values[1], of: name)
      // A method of safe text escapes what it puts in.
      if case .markup = receiver { new = try escaped(values[1]) }
      return made(try replacing(try string(values[0], of: name), with: new, in: text, count))
    case "format": return made(try braceFormat(text, arguments))
    case "expandtabs":
      let values = try arguments.bound(to: ["tabsize"], of: name, self)
      return made(
        try expandTabs(
          text, width: try values[0].map { (v) throws(ChatTemplateError) in try integer(v, of: name) } ?? 8))
    default: break
    }
    if let value = try callPlainMethod(name, text, like: receiver, arguments) { return value }
    return try callSearchMethod(name, text, like: receiver, arguments)
  }

  /// Methods that take no argument.
  private func callPlainMethod(
    _ name: String, _ text: String, like receiver: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue? {
    let result: RuntimeValue
    let scalars = text.unicodeScalars
    func all(_ holds: (Unicode.Scalar) -> Bool) -> RuntimeValue {
      .bool(!scalars.isEmpty && scalars.allSatisfy(holds))
    }
    switch name {
    case "upper": result = rewrapped(text.pythonUpper(), like: receiver)
    case "lower": result = rewrapped(text.pythonLower(), like: receiver)
    case "casefold": result = rewrapped(text.pythonLower(), like: receiver)
    case "title": result = rewrapped(text.pythonTitle(), like: receiver)
    case "capitalize": result = rewrapped(text.pythonCapitalized(), like: receiver)
    case "swapcase": result = rewrapped(text.pythonSwapCase(), like: receiver)
    case "isdigit": result = all { [.decimal, .digit].contains($0.properties.numericType) }
    case "isdecimal": result = all { $0.properties.numericType == .decimal }
    case "isnumeric": result = all { $0.properties.numericType != nil }
    case "isalpha": result = all(\.isLetter)
    case "isalnum": result = all { $0.isLetter || $0.properties.numericType != nil }
    case "isspace": result = all(\.isPythonSpace)
    case "isascii": result = .bool(scalars.allSatisfy(\.isASCII))
    case "isprintable": result = .bool(scalars.allSatisfy(\.isPythonPrintable))
    case "isidentifier":
      let isStart = scalars.first.map { $0 == "_" || $0.properties.isXIDStart } ?? false
      result = .bool(isStart && scalars.allSatisfy(\.isNamePart))
    case "isupper": result = .bool(text.isPythonUpper)
    case "islower": result = .bool(text.isPythonLower)
    case "istitle": result = .bool(text.isPythonTitle)
    default: return nil
    }
    _ = try arguments.positionalOnly(0...0, of: name, self)
    return result
  }

  private func callSearchMethod(
    _ name: String, _ text: String, like receiver: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    func made(_ text: String) -> RuntimeValue { rewrapped(text, like: receiver) }
    switch name {
    case "strip", "lstrip", "rstrip":
      let values = try arguments.positionalOnly(0...1, of: name, self)
      let characters = values.isEmpty || values[0].isNone ? nil : try string(values[0], of: name)
      return made(text.stripped(leading: name != "rstrip", trailing: name != "lstrip", of: characters))
    case "startswith", "endswith": return .bool(try hasAffix(name, text, arguments))
    case "find", "rfind", "index", "rindex", "count": return .int(try search(name, text, arguments))
    case "removeprefix", "removesuffix":
      let affix = try string(try arguments.positionalOnly(1...1, of: name, self)[0], of: name)
      let bytes = Array(text.utf8)
      if name == "removeprefix" {
        return made(bytes.starts(with: affix.utf8) ? String(bytes: bytes.dropFirst(affix.utf8.count)) : text)
      }
      let matches = bytes.reversed().starts(with: affix.utf8.reversed())
      return made(matches ? String(bytes: bytes.dropLast(affix.utf8.count)) : text)
    case "partition", "rpartition":
      let separator = try string(try arguments.positionalOnly(1...1, of: name, self)[0], of: name)
      guard !separator.isEmpty else { throw invalid("an empty separator") }
      let bytes = Array(text.utf8)
      let finder = TextSearch(separator)
      let match =
        name == "partition"
        ? finder.matches(in: bytes, limit: 1) : finder.matchesFromRight(in: bytes, limit: 1)
      guard let start = match.first else {
        return .tuple(
          name == "partition" ? [made(text), made(""), made("")] : [made(""), made(""), made(text)])
      }
      return .tuple([
        made(String(bytes: bytes[..<start])), made(separator),
        made(String(bytes: bytes[(start + separator.utf8.count)...])),
      ])
    case "join":
      return made(
        try join(try elements(of: try arguments.positionalOnly(1...1, of: name, self)[0]), text, strict: true)
      )
    default:
      return made(try pad(name, text, arguments))
    }
  }

  // MARK: Arguments

  func string(_ value: RuntimeValue, of function: String) throws(ChatTemplateError) -> String {
    guard let text = value.text else {
      throw invalid("'\(function)' needs a string, not a \(value.typeName)")
    }
    return text
  }

  func integer(_ value: RuntimeValue, of function: String) throws(ChatTemplateError) -> Int {
    guard let integer = value.integer else {
      throw invalid("'\(function)' needs an integer, not a \(value.typeName)")
    }
    return integer
  }

  // MARK: Parts

  /// `separator.join(items)`; `strict`: every item must be a string already.
  func join(_ items: [RuntimeValue], _ separator: String, strict: Bool) throws(ChatTemplateError) -> String {
    var result = ""
    for (index, item) in items.enumerated() {
      let piece = strict ? try string(item, of: "join") : try display(item)
      if index > 0 { result += separator }
      result += piece
      guard result.utf8.count <= limits.textBytes else { throw limit(.textBytes, limits.textBytes) }
      try charge(1 + (separator.utf8.count + piece.utf8.count) / 16)
    }
    return result
  }

  private func splitText(
    _ name: String, _ text: String, like receiver: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    let values = try arguments.bound(to: ["sep", "maxsplit"], of: name, self)
    let count = try values[1].map { (value) throws(ChatTemplateError) in try integer(value, of: name) } ?? -1
    let limit = count < 0 ? nil : count
    let pieces: [String]
    if let separator = values[0], !separator.isNone {
      let separator = try string(separator, of: name)
      guard !separator.isEmpty else { throw invalid("an empty separator") }
      let bytes = Array(text.utf8)
      let finder = TextSearch(separator)
      let cuts =
        name == "split"
        ? finder.matches(in: bytes, limit: limit ?? .max)
        : finder.matchesFromRight(in: bytes, limit: limit ?? .max)
      try chargeList(cuts.count + 1)
      var start = 0
      var parts: [String] = []
      for cut in cuts {
        parts.append(String(bytes: bytes[start..<cut]))
        start = cut + separator.utf8.count
      }
      pieces = parts + [String(bytes: bytes[start...])]
    } else {
      pieces = text.splitOnSpace(limit: limit, fromRight: name == "rsplit")
      try chargeList(pieces.count)
    }
    return .list(pieces.map { rewrapped($0, like: receiver) })
  }

  /// `text.replace(old, new, count)`; a negative count replaces all, an empty `old` stands between characters.
  func replacing(
    _ old: String, with new: String, in text: String, _ count: Int
  ) throws(ChatTemplateError) -> String {
    let limit = count < 0 ? Int.max : count
    if old.isEmpty {
      let places = min(limit, text.unicodeScalars.count + 1)
      let (grown, overflows) = places.multipliedReportingOverflow(by: new.utf8.count)
      try chargeText(overflows ? .max : text.utf8.count + grown)
      var result = ""
      var left = limit
      for scalar in text.unicodeScalars {
        if left > 0 { result += new }
        left -= 1
        result.append(scalar: scalar)
      }
      return left > 0 ? result + new : result
    }
    let bytes = Array(text.utf8)
    let places = TextSearch(old).matches(in: bytes, limit: limit)
    let (grown, overflows) = places.count.multipliedReportingOverflow(by: new.utf8.count)
    try chargeText(overflows ? .max : bytes.count + grown)
    var result: [UInt8] = []
    var start = 0
    for place in places {
      result += bytes[start..<place]
      result += new.utf8
      start = place + old.utf8.count
    }
    return String(bytes: result + bytes[start...])
  }
}
