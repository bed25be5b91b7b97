/// Finds stop strings in text that arrives in pieces, and holds back what could still become one.
///
/// The result does not depend on where the pieces are cut. The match is the stop string that *ends* first in the whole
/// text (of several that end together, the longest), so generation ends at the first token that completes any. Text is
/// compared scalar by scalar, not by grapheme: "\n" stops "\r\n", and "e" stops "e" followed by a combining accent.
///
/// - Complexity: O(bytes × stop strings); Knuth, Morris and Pratt (1977), one automaton for each stop string.
package struct StopMatcher: Sendable {
  /// The stop string that was found; no text is given out after it.
  package private(set) var match: String?

  private var automata: [Automaton]

  /// The end of the text so far that begins some stop string.
  private var held: [UInt8] = []

  /// Empty stop strings are ignored: they would match before the first token.
  package init(_ stops: [String]) {
    automata = stops.filter { !$0.isEmpty }.map { Automaton($0) }
  }

  /// Takes the next piece; gives the text that is now certain to come before any stop string.
  package mutating func feed(_ piece: String) -> String {
    guard match == nil else { return "" }
    guard !automata.isEmpty else { return piece }
    for byte in piece.utf8 {
      held.append(byte)
      var matched: Automaton?
      for index in automata.indices {
        automata[index].advance(byte)
        let automaton = automata[index]
        if automaton.isComplete, automaton.length > matched?.length ?? 0 {
          matched = automaton
        }
      }
      if let matched {
        match = matched.stop
        held.removeLast(matched.length)
        return release(keeping: 0)
      }
    }
    // A stop string begins with the first byte of a scalar, and so does what is held: the cut never splits one.
    return release(keeping: automata.reduce(0) { max($0, $1.matchedCount) })
  }

  /// Ends the text: gives what was held back, since no stop string can follow.
  package mutating func finish() -> String {
    release(keeping: 0)
  }

  private mutating func release(keeping count: Int) -> String {
    let safeCount = held.count - count
    let text = String(decoding: held[..<safeCount], as: UTF8.self)
    held.removeFirst(safeCount)
    return text
  }
}

extension StopMatcher {
  /// One stop string and how much of its beginning the text so far ends with.
  private struct Automaton: Sendable {
    let stop: String
    private let bytes: [UInt8]
    /// `fallback[i]`: the length of the longest proper prefix of the first i + 1 bytes that also ends them.
    private let fallback: [Int]
    private(set) var matchedCount = 0

    var length: Int { bytes.count }
    var isComplete: Bool { matchedCount == bytes.count }

    init(_ stop: String) {
      self.stop = stop
      let bytes = Array(stop.utf8)
      var fallback = [0]
      var length = 0
      for byte in bytes.dropFirst() {
        while length > 0, bytes[length] != byte {
          length = fallback[length - 1]
        }
        if bytes[length] == byte { length += 1 }
        fallback.append(length)
      }
      self.bytes = bytes
      self.fallback = fallback
    }

    /// - Precondition: not complete.
    mutating func advance(_ byte: UInt8) {
      while matchedCount > 0, bytes[matchedCount] != byte {
        matchedCount = fallback[matchedCount - 1]
      }
      if bytes[matchedCount] == byte { matchedCount += 1 }
    }
  }
}
