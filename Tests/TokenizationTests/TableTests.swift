import Testing

import Tokenization

struct TableTests {
  @Test func pairTableGrows() {
    var table = PairTable(capacity: 0)
    for left in UInt32(0)..<100 {
      for right in UInt32(0)..<100 {
        let isNew = table.insert(left, right, UInt64(left) * 1000 + UInt64(right))
        #expect(isNew)
      }
    }
    let isNew = table.insert(5, 5, 1)
    #expect(!isNew)
    #expect(table[5, 5] == 5005 && table[99, 98] == 99_098)
    #expect(table[100, 0] == PairTable.absent && table[0, .max] == PairTable.absent)
  }

  @Test func tokenTableFindsExactlyItsTokens() {
    var table = TokenTable(capacity: 3, byteCount: 0)
    for token in ["ab", "a", "b"] { table.append(token.utf8) }
    let others = [table.makeFindable(0), table.makeFindable(1)]
    #expect(others == [nil, nil])
    table.append("ab".utf8)
    let other = table.makeFindable(3)
    #expect(other == 0)
    let text: [UInt8] = Array("xabx".utf8)
    #expect(table.id(of: text.span, from: 1, to: 3) == 0)
    #expect(table.id(of: text.span, from: 1, to: 2) == 1)
    // Appended, but not made findable.
    #expect(table.id(of: text.span, from: 2, to: 3) == nil)
    #expect(table.id(of: text.span, from: 0, to: 4) == nil)
    #expect(Array(table.bytes(of: 2)) == Array("b".utf8) && table.count == 4)
  }

  @Test func mergeQueueSorts() {
    var random = SplitMix(state: 3)
    var queue = MergeQueue()
    for count in [0, 1, 2, 3, 100] {
      let values = (0..<count).map { _ in random.next() % 50 }
      for value in values { queue.push(value) }
      var popped: [UInt64] = []
      while let value = queue.pop() { popped.append(value) }
      #expect(popped == values.sorted())
    }
  }

  @Test func byteLevelAlphabetIsOneToOne() {
    // Each of the 256 characters, decoded, is another byte; printable ASCII is itself.
    var seen: Set<UInt8> = []
    for value in UInt32(0x21)...0x143 {
      var bytes: [UInt8] = []
      let text = String(Character(Unicode.Scalar(value)!))
      ByteLevelAlphabet.decode(text.utf8.span, from: 0, to: text.utf8.count, into: &bytes)
      if bytes.count == 1 { seen.insert(bytes[0]) }
      if value < 0x7F { #expect(bytes == [UInt8(value)]) }
    }
    #expect(seen.count == 256)
    for (text, expected) in [("Ġthe", " the"), ("Ċ", "\n"), ("Ġ中", "Ġ中"), (" ", " "), ("", "")] {
      var bytes: [UInt8] = []
      ByteLevelAlphabet.decode(text.utf8.span, from: 0, to: text.utf8.count, into: &bytes)
      #expect(bytes == Array(expected.utf8))
    }
  }
}
