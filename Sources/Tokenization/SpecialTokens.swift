/// The tokens that are found in text as they stand, before anything else: control, user-defined and unknown ones.
///
/// A trie over bytes; its edges are in one hash table. Finding the next token costs O(length of the text × length of the
/// longest special token) at worst, and one table look-up a byte where no special token can start.
struct SpecialTokens: Sendable {
  /// The longest special token that is accepted, in bytes, so that a hostile file cannot make text slow to scan.
  static let lengthLimit = 1024

  /// (node, byte) → node; node 0 is the root.
  private var edges = PairTable(capacity: 64)
  /// For each node the token that ends there, or -1.
  private var tokens: [Int32] = [-1]
  /// For each node whether its token is to be found only when special tokens are parsed.
  private var needsParsing: [Bool] = [false]
  private var canStart = [Bool](repeating: false, count: 256)

  /// Adds a token. Returns the other id if one with the same text is there already.
  mutating func insert(_ text: some Sequence<UInt8>, id: Int, onlyWhenParsing: Bool) -> Int? {
    var node = 0
    for byte in text {
      if node == 0 { canStart[Int(byte)] = true }
      let edge = edges[UInt32(node), UInt32(byte)]
      if edge != PairTable.absent {
        node = Int(edge)
      } else {
        _ = edges.insert(UInt32(node), UInt32(byte), UInt64(tokens.count))
        node = tokens.count
        tokens.append(-1)
        needsParsing.append(false)
      }
    }
    // An empty token is never found.
    guard node > 0 else { return nil }
    guard tokens[node] < 0 else { return Int(tokens[node]) }
    tokens[node] = Int32(id)
    needsParsing[node] = onlyWhenParsing
    return nil
  }

  /// The leftmost special token in `text[start..<limit]`, of several the longest.
  func first(
    in text: Span<UInt8>, from start: Int, to limit: Int, parsing: Bool
  ) -> (id: Int, start: Int, end: Int)? {
    var position = start
    while position < limit {
      if canStart[Int(text[position])],
        let (id, end) = longest(text, position, limit, parsing)
      {
        return (id, position, end)
      }
      position += 1
    }
    return nil
  }

  private func longest(
    _ text: Span<UInt8>, _ start: Int, _ limit: Int, _ parsing: Bool
  ) -> (id: Int, end: Int)? {
    var found: (id: Int, end: Int)?
    var node = 0
    var position = start
    while position < limit {
      let edge = edges[UInt32(node), UInt32(text[position])]
      guard edge != PairTable.absent else { break }
      node = Int(edge)
      position += 1
      if tokens[node] >= 0, parsing || !needsParsing[node] { found = (Int(tokens[node]), position) }
    }
    return found
  }

  /// The token with exactly this text.
  func id(of text: Span<UInt8>) -> Int? {
    guard text.count > 0, let (id, end) = longest(text, 0, text.count, true), end == text.count else {
      return nil
    }
    return id
  }
}
