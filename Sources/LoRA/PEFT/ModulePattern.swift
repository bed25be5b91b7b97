/// A regular expression of `rank_pattern` or `alpha_pattern`, matched as PEFT does: a module matches if the whole of its
/// name does, or what follows one of its dots (Python's `(.*\.)?(pattern)$`).
///
/// It is run as a set of states (Thompson 1968), never by backtracking: O(name × program) whatever the pattern. Python's
/// syntax without look-around, back references and flags.
struct ModulePattern: Sendable {
  private let program: [RegexProgram.Instruction]
  /// Does it only say which character is at each place? So do names of modules, which EVA writes by the thousand.
  let isPlain: Bool

  init(_ text: String) throws(RegexProgram.Failure) {
    program = try RegexProgram.compile(text)
    isPlain = program.dropLast().allSatisfy { if case .character = $0 { true } else { false } }
  }

  /// Instructions that it was compiled to: what a match costs for each character of a name, at most.
  var stepCount: Int { program.count }

  /// - Complexity: O(name × program); O(pattern) of a plain one.
  func matches(_ scalars: [Unicode.Scalar]) -> Bool {
    if isPlain { return matchesPlainly(scalars) }
    var current = StateSet(program.count)
    var following = StateSet(program.count)
    for position in 0...scalars.count {
      if position == 0 || scalars[position - 1] == "." { add(0, position, scalars, &current) }
      if position == scalars.count { break }
      following.removeAll()
      for state in current.members {
        if case .character(let set) = program[state], set.contains(scalars[position]) {
          add(state + 1, position + 1, scalars, &following)
        }
      }
      swap(&current, &following)
    }
    return current.contains(program.count - 1)
  }

  private func matchesPlainly(_ scalars: [Unicode.Scalar]) -> Bool {
    let start = scalars.count - (program.count - 1)
    guard start == 0 || start > 0 && scalars[start - 1] == "." else { return false }
    for place in 0..<program.count - 1 {
      guard case .character(let set) = program[place], set.contains(scalars[start + place]) else {
        return false
      }
    }
    return true
  }

  /// Adds a state and those that it reaches without a character.
  private func add(_ start: Int, _ position: Int, _ text: [Unicode.Scalar], _ states: inout StateSet) {
    var pending = [start]
    while let state = pending.popLast() {
      guard states.insert(state) else { continue }
      switch program[state] {
      case .character, .match: break
      case .jump(let target): pending.append(target)
      case .fork(let first, let second): pending += [first, second]
      case .start: if position == 0 { pending.append(state + 1) }
      case .end: if position == text.count { pending.append(state + 1) }
      case .wordBoundary(let isWanted):
        let before = position > 0 && CharacterSet.word.contains(text[position - 1])
        let after = position < text.count && CharacterSet.word.contains(text[position])
        if (before != after) == isWanted { pending.append(state + 1) }
      }
    }
  }
}

/// Instruction numbers, each once, in the order they were added.
private struct StateSet {
  private(set) var members: [Int] = []
  private var isMember: [Bool]

  init(_ count: Int) { isMember = .init(repeating: false, count: count) }

  func contains(_ state: Int) -> Bool { isMember[state] }

  mutating func insert(_ state: Int) -> Bool {
    if isMember[state] { return false }
    isMember[state] = true
    members.append(state)
    return true
  }

  mutating func removeAll() {
    for state in members { isMember[state] = false }
    members.removeAll(keepingCapacity: true)
  }
}

/// The characters that one place of a pattern accepts.
struct CharacterSet: Sendable, Equatable {
  var ranges: [ClosedRange<UInt32>]
  var isNegated = false

  static let word = CharacterSet(ranges: [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  static let digit = CharacterSet(ranges: [0x30...0x39])
  static let space = CharacterSet(ranges: [0x09...0x0D, 0x20...0x20])
  /// Everything but a line feed.
  static let any = CharacterSet(ranges: [0x0A...0x0A], isNegated: true)

  init(ranges: [ClosedRange<UInt32>], isNegated: Bool = false) {
    self.ranges = ranges
    self.isNegated = isNegated
  }

  init(_ scalar: Unicode.Scalar) { self.init(ranges: [scalar.value...scalar.value]) }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    ranges.contains { $0.contains(scalar.value) } != isNegated
  }
}
