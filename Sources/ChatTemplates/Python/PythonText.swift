// Python's view of text: a sequence of Unicode scalars, compared by code point. Swift's own comparison of
// strings knows canonical equivalence and its Characters join `\r\n`; neither may leak into a template.

extension Unicode.Scalar {
  /// `str.isspace` for one character, which `strip`, `split` and the pattern `\s` use too.
  var isPythonSpace: Bool {
    switch value {
    case 0x20, 0x09...0x0D, 0x1C...0x1F, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
      0x3000:
      true
    default: false
    }
  }

  /// A character at which `str.splitlines` ends a line.
  var isPythonLineBreak: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  var isCased: Bool { properties.isUppercase || properties.isLowercase || isTitlecase }
  var isTitlecase: Bool { properties.generalCategory == .titlecaseLetter }

  /// `str.isprintable` for one character.
  var isPythonPrintable: Bool {
    if isASCII { return value >= 0x20 && value < 0x7F }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
      .spaceSeparator:
      return false
    default: return true
    }
  }
}

extension String {
  init(scalars: some Sequence<Unicode.Scalar>) {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    self.init(view)
  }

  init(bytes: some Sequence<UInt8>) {
    self.init(decoding: Array(bytes), as: UTF8.self)
  }

  /// Appends in place; through `unicodeScalars` each append would copy the whole text.
  mutating func append(scalar: Unicode.Scalar) { append(Character(scalar)) }

  /// Equality by code points.
  func isSame(as other: String) -> Bool {
    utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
  }

  /// Order by code points; UTF-8 keeps it.
  func precedes(_ other: String) -> Bool {
    utf8.lexicographicallyPrecedes(other.utf8)
  }

  // MARK: Case

  func pythonUpper() -> String {
    if let text = mapASCII({ (0x61...0x7A).contains($0) ? $0 - 32 : $0 }) { return text }
    return mapScalars { $0.properties.uppercaseMapping }
  }

  /// `str.lower`, with Python's rule for a final sigma.
  func pythonLower() -> String {
    if let text = mapASCII({ (0x41...0x5A).contains($0) ? $0 + 32 : $0 }) { return text }
    guard unicodeScalars.contains("\u{3A3}") else { return mapScalars { $0.properties.lowercaseMapping } }
    let scalars = Array(unicodeScalars)
    var result = ""
    for (index, scalar) in scalars.enumerated() {
      guard scalar == "\u{3A3}" else {
        result += scalar.properties.lowercaseMapping
        continue
      }
      let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }
      let after = scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }
      let isFinal = before?.isCased == true && after?.isCased != true
      result.append(scalar: isFinal ? "\u{3C2}" : "\u{3C3}")
    }
    return result
  }

  func pythonCapitalized() -> String {
    guard let first = unicodeScalars.first else { return self }
    return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).pythonLower()
  }

  /// `str.title`: an upper case letter after anything uncased.
  func pythonTitle() -> String {
    var previousCased = false
    return mapScalars { scalar in
      let properties = scalar.properties
      defer { previousCased = scalar.isCased }
      return previousCased ? properties.lowercaseMapping : properties.titlecaseMapping
    }
  }

  func pythonSwapCase() -> String {
    mapScalars { scalar in
      let properties = scalar.properties
      if properties.isUppercase { return properties.lowercaseMapping }
      return properties.isLowercase ? properties.uppercaseMapping : String(Character(scalar))
    }
  }

  /// The quick way for text that is all ASCII, as most is; nil when it is not.
  private func mapASCII(_ transform: (UInt8) -> UInt8) -> String? {
    guard utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
    return String(unsafeUninitializedCapacity: utf8.count) { buffer in
      var count = 0
      for byte in utf8 {
        buffer[count] = transform(byte)
        count += 1
      }
      return count
    }
  }

  private func mapScalars(_ transform: (Unicode.Scalar) -> String) -> String {
    var result = ""
    result.reserveCapacity(utf8.count)
    for scalar in unicodeScalars {
      result += transform(scalar)
    }
    return result
  }

  // MARK: Stripping and splitting

  func stripped(leading: Bool = true, trailing: Bool = true, of characters: String? = nil) -> String {
    let set = characters.map { Set($0.unicodeScalars) }
    func drops(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? scalar.isPythonSpace }
    var view = unicodeScalars[...]
    if leading { while let first = view.first, drops(first) { view.removeFirst() } }
    if trailing { while let last = view.last, drops(last) { view.removeLast() } }
    return String(view)
  }

  /// `str.splitlines`; `\r\n` counts as one break.
  func pythonLines(keepEnds: Bool = false) -> [String] {
    var lines: [String] = []
    let view = unicodeScalars
    var start = view.startIndex
    var index = start
    while index < view.endIndex {
      let scalar = view[index]
      let breakStart = index
      index = view.index(after: index)
      guard scalar.isPythonLineBreak else { continue }
      if scalar == "\r", index < view.endIndex, view[index] == "\n" { index = view.index(after: index) }
      lines.append(String(view[start..<(keepEnds ? index : breakStart)]))
      start = index
    }
    if start < view.endIndex { lines.append(String(view[start...])) }
    return lines
  }

  /// Words between runs of whitespace, at most `limit` cuts (nil: all), from the left or the right.
  func splitOnSpace(limit: Int?, fromRight: Bool) -> [String] {
    var rest = unicodeScalars[...]
    var words: [String] = []
    func trim() {
      if fromRight {
        while let last = rest.last, last.isPythonSpace { rest.removeLast() }
      } else {
        while let first = rest.first, first.isPythonSpace { rest.removeFirst() }
      }
    }
    trim()
    while !rest.isEmpty {
      if let limit, words.count == limit {
        words.append(String(rest))
        break
      }
      if fromRight {
        let cut = rest.lastIndex(where: \.isPythonSpace).map { rest.index(after: $0) } ?? rest.startIndex
        words.append(String(rest[cut...]))
        rest = rest[..<cut]
      } else {
        let cut = rest.firstIndex(where: \.isPythonSpace) ?? rest.endIndex
        words.append(String(rest[..<cut]))
        rest = rest[cut...]
      }
      trim()
    }
    return fromRight ? words.reversed() : words
  }
}
