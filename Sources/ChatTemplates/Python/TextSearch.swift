/// Finds a text in another by bytes (Knuth, Morris and Pratt), linear whatever the texts are.
///
/// UTF-8 is self-synchronising: a match of whole characters is a match of bytes and the reverse.
struct TextSearch {
  let pattern: [UInt8]
  /// For each prefix, the length of its longest proper suffix that is a prefix too.
  private var fallback: [Int]

  init(_ text: String) {
    self.init(bytes: Array(text.utf8))
  }

  private init(bytes: [UInt8]) {
    pattern = bytes
    fallback = Array(repeating: 0, count: pattern.count)
    var length = 0
    for index in pattern.indices.dropFirst() {
      while length > 0, pattern[index] != pattern[length] { length = fallback[length - 1] }
      if pattern[index] == pattern[length] { length += 1 }
      fallback[index] = length
    }
  }

  func firstMatch(in text: String) -> Int? { matches(in: Array(text.utf8), limit: 1).first }

  /// Byte offsets of matches that do not overlap, from the left, at most `limit`. The pattern must not be empty,
  /// except that an empty one matches at 0.
  func matches(in bytes: [UInt8], limit: Int = .max) -> [Int] {
    guard !pattern.isEmpty else { return [0] }
    var found: [Int] = []
    var length = 0
    for (index, byte) in bytes.enumerated() where found.count < limit {
      while length > 0, byte != pattern[length] { length = fallback[length - 1] }
      if byte == pattern[length] { length += 1 }
      if length == pattern.count {
        found.append(index + 1 - length)
        length = 0
      }
    }
    return found
  }

  /// As `matches`, chosen from the right.
  func matchesFromRight(in bytes: [UInt8], limit: Int = .max) -> [Int] {
    let mirrored = TextSearch(bytes: pattern.reversed())
    return mirrored.matches(in: bytes.reversed(), limit: limit).map { bytes.count - $0 - pattern.count }
      .reversed()
  }
}
