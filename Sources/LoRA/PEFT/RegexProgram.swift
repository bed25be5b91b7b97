/// A regular expression compiled for `ModulePattern`.
struct RegexProgram {
  enum Instruction: Sendable, Equatable {
    case character(CharacterSet)
    case jump(Int)
    case fork(Int, Int)
    case start
    case end
    case wordBoundary(Bool)
    /// The last one.
    case match
  }

  /// Why a pattern cannot be used.
  struct Failure: Error, Equatable { let reason: String }

  private let text: [Unicode.Scalar]
  private var position = 0
  private var code: [Instruction] = []
  private var depth = 0

  private static let lengthLimit = 4096
  private static let codeLimit = 8192
  private static let depthLimit = 64
  private static let repeatLimit = 1000

  static func compile(_ text: String) throws(Failure) -> [Instruction] {
    guard text.unicodeScalars.count <= lengthLimit else {
      throw Failure(reason: "it is longer than \(lengthLimit) characters")
    }
    var program = RegexProgram(text: Array(text.unicodeScalars))
    try program.alternatives()
    guard program.position == program.text.count else { throw Failure(reason: "unbalanced ')'") }
    try program.emit(.match)
    return program.code
  }

  private init(text: [Unicode.Scalar]) { self.text = text }

  private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

  private mutating func take() -> Unicode.Scalar? {
    guard let scalar = next else { return nil }
    position += 1
    return scalar
  }

  private mutating func emit(_ instruction: Instruction) throws(Failure) {
    guard code.count < Self.codeLimit else {
      throw Failure(reason: "it stands for more than \(Self.codeLimit) steps")
    }
    code.append(instruction)
  }

  /// `a|b|c`
  private mutating func alternatives() throws(Failure) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else {
      throw Failure(reason: "its groups nest deeper than \(Self.depthLimit) levels")
    }
    let start = code.count
    try sequence()
    guard next == "|" else { return }
    var branches = [Array(code[start...])]
    while next == "|" {
      position += 1
      code.removeSubrange(start...)
      try sequence()
      branches.append(Array(code[start...]))
    }
    code.removeSubrange(start...)
    // Each branch is moved behind a fork that leads to the next one, and is followed by a jump behind them all.
    let total = branches.reduce(0) { $0 + $1.count + 2 } - 2
    let end = start + total
    for (index, branch) in branches.enumerated() {
      let isLast = index == branches.count - 1
      if !isLast { try emit(.fork(code.count + 1, code.count + branch.count + 2)) }
      try append(branch, movedFrom: start)
      if !isLast { try emit(.jump(end)) }
    }
  }

  /// Appends instructions that were compiled to begin at `origin`.
  private mutating func append(_ part: [Instruction], movedFrom origin: Int) throws(Failure) {
    let offset = code.count - origin
    for instruction in part {
      switch instruction {
      case .jump(let target): try emit(.jump(target + offset))
      case .fork(let first, let second): try emit(.fork(first + offset, second + offset))
      default: try emit(instruction)
      }
    }
  }

  private mutating func sequence() throws(Failure) {
    while let scalar = next, scalar != "|", scalar != ")" {
      let start = code.count
      let isAssertion = try atom()
      try repetition(from: start, isAssertion: isAssertion)
    }
  }

  /// One place of the pattern; true if it accepts no character.
  private mutating func atom() throws(Failure) -> Bool {
    guard let scalar = take() else { return true }
    switch scalar {
    case ".": try emit(.character(.any))
    case "^":
      try emit(.start)
      return true
    case "$":
      try emit(.end)
      return true
    case "(": try group()
    case "[": try emit(.character(try characterClass()))
    case "*", "+", "?": throw Failure(reason: "nothing to repeat before '\(scalar)'")
    case "\\": return try escape()
    default: try emit(.character(CharacterSet(scalar)))
    }
    return false
  }

  private mutating func group() throws(Failure) {
    if next == "?" {
      position += 1
      switch take() {
      case ":": break
      case "P" where next == "<":
        while let scalar = take(), scalar != ">" {}
      default:
        throw Failure(reason: "look-around, flags and references are not supported; write it without them")
      }
    }
    try alternatives()
    guard take() == ")" else { throw Failure(reason: "a '(' is not closed") }
  }

  private mutating func escape() throws(Failure) -> Bool {
    guard let scalar = take() else { throw Failure(reason: "a backslash at the end") }
    if let set = Self.named(scalar) {
      try emit(.character(set))
      return false
    }
    switch scalar {
    case "b", "B":
      try emit(.wordBoundary(scalar == "b"))
      return true
    case "A":
      try emit(.start)
      return true
    case "Z":
      try emit(.end)
      return true
    default:
      try emit(.character(CharacterSet(try Self.literal(scalar))))
      return false
    }
  }

  private static func named(_ scalar: Unicode.Scalar) -> CharacterSet? {
    var set: CharacterSet
    switch scalar {
    case "d", "D": set = .digit
    case "w", "W": set = .word
    case "s", "S": set = .space
    default: return nil
    }
    set.isNegated = scalar.properties.isUppercase
    return set
  }

  private static func literal(_ scalar: Unicode.Scalar) throws(Failure) -> Unicode.Scalar {
    switch scalar {
    case "n": return "\n"
    case "t": return "\t"
    case "r": return "\r"
    default:
      if scalar.isASCII, CharacterSet.word.contains(scalar), scalar != "_" {
        throw Failure(reason: "the escape '\\\(scalar)' is not supported")
      }
      return scalar
    }
  }

  private mutating func characterClass() throws(Failure) -> CharacterSet {
    var set = CharacterSet(ranges: [])
    if next == "^" {
      position += 1
      set.isNegated = true
    }
    var isFirst = true
    while true {
      guard let scalar = take() else { throw Failure(reason: "a '[' is not closed") }
      if scalar == "]", !isFirst { return set }
      isFirst = false
      var low = scalar
      if scalar == "\\" {
        guard let escaped = take() else { throw Failure(reason: "a '[' is not closed") }
        if let named = Self.named(escaped) {
          guard !named.isNegated else {
            throw Failure(reason: "'\\\(escaped)' inside brackets is not supported")
          }
          set.ranges += named.ranges
          continue
        }
        low = try Self.literal(escaped)
      }
      guard next == "-", position + 1 < text.count, text[position + 1] != "]" else {
        set.ranges.append(low.value...low.value)
        continue
      }
      position += 1
      guard var high = take() else { throw Failure(reason: "a '[' is not closed") }
      if high == "\\" {
        guard let escaped = take() else { throw Failure(reason: "a '[' is not closed") }
        high = try Self.literal(escaped)
      }
      guard low.value <= high.value else { throw Failure(reason: "the range \(low)-\(high) is empty") }
      set.ranges.append(low.value...high.value)
    }
  }

  /// `*`, `+`, `?`, `{m}`, `{m,}`, `{,n}`, `{m,n}` behind the atom that begins at `start`. A lazy one accepts the same.
  private mutating func repetition(from start: Int, isAssertion: Bool) throws(Failure) {
    var bounds: (least: Int, most: Int?)
    switch next {
    case "*": bounds = (0, nil)
    case "+": bounds = (1, nil)
    case "?": bounds = (0, 1)
    case "{":
      guard let found = try counts() else { return }
      bounds = found
      position -= 1
    default: return
    }
    position += 1
    guard !isAssertion else { throw Failure(reason: "nothing to repeat") }
    if next == "?" { position += 1 }
    if let again = next, "*+?".unicodeScalars.contains(again) { throw Failure(reason: "multiple repeat") }
    let atom = Array(code[start...])
    code.removeSubrange(start...)
    for _ in 0..<bounds.least { try append(atom, movedFrom: start) }
    if let most = bounds.most {
      let end = code.count + (most - bounds.least) * (atom.count + 1)
      for _ in bounds.least..<most {
        try emit(.fork(code.count + 1, end))
        try append(atom, movedFrom: start)
      }
    } else {
      let fork = code.count
      try emit(.fork(fork + 1, fork + atom.count + 2))
      try append(atom, movedFrom: start)
      try emit(.jump(fork))
    }
  }

  /// Reads `{…}`; nil, having moved nowhere, where it is not a repetition: then the brace stands for itself.
  private mutating func counts() throws(Failure) -> (least: Int, most: Int?)? {
    guard let close = text[position...].firstIndex(of: "}") else { return nil }
    let inside = String(String.UnicodeScalarView(text[position + 1..<close]))
    let parts = inside.split(separator: ",", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), inside != ",", !inside.isEmpty,
      parts.allSatisfy({ $0.unicodeScalars.allSatisfy { CharacterSet.digit.contains($0) } })
    else { return nil }
    let least = parts[0].isEmpty ? 0 : Int(parts[0]) ?? .max
    let most: Int? = parts.count == 1 ? least : parts[1].isEmpty ? nil : Int(parts[1]) ?? .max
    guard least <= Self.repeatLimit, most ?? 0 <= Self.repeatLimit else {
      throw Failure(reason: "it repeats more than \(Self.repeatLimit) times")
    }
    guard least <= most ?? least else { throw Failure(reason: "the repetition {\(inside)} is empty") }
    position = close + 1
    return (least, most)
  }
}
