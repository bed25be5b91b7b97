import Kernels
import Testing
import Transformer

/// What a batch refuses, and that refusing changes nothing.
@Suite struct BatchTests {
  private static let tables: [KernelTable] = {
    let best = try? KernelTable.best(environment: nil)
    return [.reference, .portable] + (best.map { [$0] } ?? []).filter { $0.name != "portable" }
  }()

  private func logits(_ decoder: Decoder, _ batch: Batch, _ state: DecoderState) throws -> [[Float]] {
    try decoder.forward(batch, state)
    return (0..<batch.wanted.count).map { state.logits.values(row: $0) }
  }

  @Test(arguments: [-1, Int32.min, 320, 321, Int32.max]) func tokensOutOfRange(_ token: Int32) throws {
    for table in Self.tables {
      let decoder = try ModelDraft().decoder(table)
      let state = DecoderState(decoder, maximumTokens: 8, maximumLogits: 8)
      let sequence = decoder.makeSequence(capacity: 16), fresh = decoder.makeSequence(capacity: 16)
      var good = Batch()
      try good.append([5, 6, 7], to: sequence, adapters: nil, logits: .all)
      _ = try logits(decoder, good, state)
      for tokens in [[token], [1, 2, token], [token, 1], [1, token, 2]] {
        var batch = Batch()
        try batch.append(tokens, to: sequence, adapters: nil, logits: .all)
        #expect(throws: ModelError.tokenOutOfRange(token: Int(token), vocabulary: 320)) {
          try decoder.forward(batch, state)
        }
        #expect(sequence.length == 3)
      }
      // The sequence goes on as if nothing had been asked.
      var next = Batch()
      try next.append([8], to: sequence, adapters: nil, logits: .last)
      let found = try logits(decoder, next, state)
      good.removeAll()
      try good.append([5, 6, 7], to: fresh, adapters: nil, logits: .all)
      _ = try logits(decoder, good, state)
      next.removeAll()
      try next.append([8], to: fresh, adapters: nil, logits: .last)
      #expect(try logits(decoder, next, state) == found)
    }
  }

  @Test func theFirstAndTheLastTokenExist() throws {
    let decoder = try ModelDraft().decoder()
    var batch = Batch()
    try batch.append([0, 319], to: decoder.makeSequence(capacity: 2), adapters: nil, logits: .all)
    let rows = try logits(decoder, batch, DecoderState(decoder, maximumTokens: 2, maximumLogits: 2))
    #expect(rows.count == 2 && rows[0] != rows[1])
  }

  @Test(arguments: tables) func aFullContext(_ table: KernelTable) throws {
    let decoder = try ModelDraft().decoder(table)
    let state = DecoderState(decoder, maximumTokens: 8, maximumLogits: 8)
    let sequence = decoder.makeSequence(capacity: 5)
    var batch = Batch()
    #expect(throws: ModelError.contextExceeded(limit: 5, requested: 6)) {
      try batch.append([1, 2, 3, 4, 5, 6], to: sequence, adapters: nil, logits: .all)
    }
    #expect(batch.count == 0 && batch.wanted.isEmpty && batch.tokens.isEmpty)
    try batch.append([1, 2, 3], to: sequence, adapters: nil, logits: .last)
    // What is in the batch already counts.
    #expect(throws: ModelError.contextExceeded(limit: 5, requested: 6)) {
      try batch.append([4, 5, 6], to: sequence, adapters: nil, logits: .all)
    }
    #expect(batch.tokens == [1, 2, 3] && batch.wanted == [2])
    try batch.append([4, 5], to: sequence, adapters: nil, logits: .all)
    #expect(sequence.length == 0)
    let rows = try logits(decoder, batch, state)
    #expect(rows.count == 3 && sequence.length == 5)
    batch.removeAll()
    #expect(throws: ModelError.contextExceeded(limit: 5, requested: 6)) {
      try batch.append([6], to: sequence, adapters: nil, logits: .all)
    }
    #expect(batch.count == 0 && sequence.length == 5)
    // Another sequence has room, and where it is cut does not matter to what it holds.
    try batch.append([1, 2, 3, 4, 5], to: decoder.makeSequence(capacity: 5), adapters: nil, logits: .all)
    for (found, expected) in zip(try logits(decoder, batch, state).suffix(3), rows) {
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 })
    }
    sequence.truncate(to: 4)
    batch.removeAll()
    try batch.append([5], to: sequence, adapters: nil, logits: .last)
    #expect(try logits(decoder, batch, state).count == 1)
    #expect(sequence.length == 5)
  }

  @Test(arguments: tables) func anEmptyBatch(_ table: KernelTable) throws {
    let decoder = try ModelDraft().decoder(table)
    let state = DecoderState(decoder, maximumTokens: 4, maximumLogits: 4)
    let sequence = decoder.makeSequence(capacity: 4)
    var batch = Batch()
    #expect(try logits(decoder, batch, state).isEmpty)
    try batch.append([], to: sequence, adapters: nil, logits: .all)
    #expect(batch.count == 0)
    #expect(try logits(decoder, batch, state).isEmpty)
    #expect(sequence.length == 0)
    // Rows that want no logits still fill the sequence.
    try batch.append([1, 2], to: sequence, adapters: nil, logits: .none)
    #expect(try logits(decoder, batch, state).isEmpty)
    #expect(sequence.length == 2)
    let none = decoder.makeSequence(capacity: 0)
    #expect(throws: ModelError.contextExceeded(limit: 0, requested: 1)) {
      try batch.append([1], to: none, adapters: nil, logits: .last)
    }
  }

  @Test(arguments: tables) func logitsAreThoseThatWereAskedFor(_ table: KernelTable) throws {
    let decoder = try ModelDraft().decoder(table)
    let state = DecoderState(decoder, maximumTokens: 9, maximumLogits: 9)
    func run(_ wanted: [Batch.Logits]) throws -> [[Float]] {
      var batch = Batch()
      for (index, kind) in wanted.enumerated() {
        let tokens = (0..<3).map { Int32(10 * index + $0) }
        try batch.append(tokens, to: decoder.makeSequence(capacity: 3), adapters: nil, logits: kind)
      }
      return try logits(decoder, batch, state)
    }
    let all = try run([.all, .all, .all])
    #expect(all.count == 9)
    let some = try run([.last, .none, .all])
    #expect(some.count == 4)
    for (found, expected) in zip(some, [all[2], all[6], all[7], all[8]]) {
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 })
    }
  }
}
