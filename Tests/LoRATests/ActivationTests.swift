import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// Activated LoRA: the base until the invocation sequence begins, the adapter from its first token on. PEFT masks the last
/// `length - start` tokens, `start` being where the last occurrence begins, so the sequence's own tokens are adapted.
@Suite struct ActivationTests {
  private static let invocation: [Int32] = [7, 8]
  private static let prompt: [Int32] = [1, 7, 8, 4, 5, 6, 7, 8, 9, 10, 11]
  /// Where the last occurrence begins.
  private static let start = 6

  static func draft(_ decoder: Decoder, seed: UInt64 = 1, tokens: String? = "[7, 8]") -> PEFTDraft {
    var draft = PEFTMergedTests.draft(.plain, decoder, seed: seed)
    draft["alora_invocation_tokens"] = tokens
    return draft
  }

  /// Logits of every token, with the given adapters for each stretch.
  private func logits(_ run: DecoderRun, _ parts: [(ArraySlice<Int32>, AdapterSet?)], batch: Int? = nil)
    throws
    -> [[Float]]
  {
    let state = DecoderState(run.decoder, maximumTokens: 16, maximumLogits: 16)
    let sequence = run.decoder.makeSequence(capacity: 16)
    var rows: [[Float]] = []
    for (tokens, set) in parts {
      var batch = Batch()
      try batch.append(tokens, to: sequence, adapters: set, logits: .all)
      try run.decoder.forward(batch, state)
      rows += (0..<tokens.count).map { state.logits.values(row: $0) }
    }
    return rows
  }

  private func activated(_ run: DecoderRun, _ set: AdapterSet?, from start: Int?, size: Int) throws
    -> [[Float]]
  {
    let state = DecoderState(run.decoder, maximumTokens: 16, maximumLogits: 16)
    let sequence = run.decoder.makeSequence(capacity: 16)
    var rows: [[Float]] = []
    var next = 0
    while next < Self.prompt.count {
      let part = Self.prompt[next..<min(next + size, Self.prompt.count)]
      var batch = Batch()
      try batch.append(part, to: sequence, adapters: set, activeFrom: start, logits: .all)
      try run.decoder.forward(batch, state)
      rows += (0..<part.count).map { state.logits.values(row: $0) }
      next += part.count
    }
    return rows
  }

  @Test(
    arguments: [
      ([1, 7, 8, 4, 7, 8, 2], [7, 8], 4), ([7, 8], [7, 8], 0), ([7, 7, 8], [7, 8], 1), ([7], [7, 8], nil),
      ([8, 7], [7, 8], nil), ([], [7], nil), ([7, 7, 7], [7, 7], 1), ([1, 2, 3, 7], [7], 3),
      ([7, 8, 1, 7], [7, 8], 0),
    ] as [([Int32], [Int32], Int?)]) func theLastOccurrenceCounts(
      _ prompt: [Int32], _ tokens: [Int32], _ start: Int?
    )
  {
    #expect(AdapterSet.Activation(adapter: "a", tokens: tokens, before: nil).start(in: prompt) == start)
  }

  @Test(arguments: DecoderRun.tables, [1, 2, 3, 7, 11])
  func actsFromItsSequenceOn(_ table: KernelTable, _ size: Int) throws {
    let run = try DecoderRun(.llama, table)
    let set = try #require(try run.bind([(Self.draft(run.decoder).adapter(), 1)]))
    #expect(set.activation?.start(in: Self.prompt) == Self.start)
    #expect(set.activation?.before == nil)
    let plain = try run.bind([(Self.draft(run.decoder, tokens: nil).adapter(), 1)])
    let expected = try logits(run, [(Self.prompt[..<Self.start], nil), (Self.prompt[Self.start...], plain)])
    let found = try activated(run, set, from: Self.start, size: size)
    #expect(difference(found, expected) < Tolerance.floatWeights(table))
    // One token more or fewer is another thing.
    for wrong in [Self.start - 1, Self.start + 1] {
      let other = try logits(run, [(Self.prompt[..<wrong], nil), (Self.prompt[wrong...], plain)])
      #expect(difference(other, expected) > 100 * Tolerance.floats)
    }
  }

  /// What comes before has the base's bits, so its keys and values can be the base's.
  @Test(arguments: DecoderRun.tables) func thePrefixIsTheBase(_ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    let set = try run.bind([(Self.draft(run.decoder).adapter(), 1)])
    let base = try activated(run, nil, from: nil, size: 3)
    let found = try activated(run, set, from: Self.start, size: 3)
    #expect(Array(found[..<Self.start]) == Array(base[..<Self.start]))
    #expect(found[Self.start] != base[Self.start])
    // Without its sequence it is off everywhere.
    #expect(try activated(run, set, from: nil, size: 3) == base)
  }

  @Test func beforeThatTheOthersAct() throws {
    let run = try DecoderRun(.llama, .reference)
    let plain = try PEFTMergedTests.draft(.plain, run.decoder, seed: 9).adapter()
    let waiting = try Self.draft(run.decoder).adapter()
    let always = try Self.draft(run.decoder, tokens: nil).adapter()
    let set = try #require(try run.bind([(waiting, 1), (plain, 0.5)]))
    let before = try #require(try run.bind([(plain, 0.5)]))
    #expect(set.activation?.before?.id == before.id)
    #expect(before.activation == nil)
    let both = try run.bind([(always, 1), (plain, 0.5)])
    let expected = try logits(
      run, [(Self.prompt[..<Self.start], before), (Self.prompt[Self.start...], both)])
    let found = try activated(run, set, from: Self.start, size: 4)
    #expect(difference(found, expected) < Tolerance.floats)
  }

  @Test func onlyOneMayWait() throws {
    let run = try DecoderRun(.llama, .reference)
    let one = try Self.draft(run.decoder).adapter(), two = try Self.draft(run.decoder, seed: 2).adapter()
    #expect {
      try run.bind([(one, 1), (two, 1)])
    } throws: { error in
      if case AdapterError.severalActivated = error { true } else { false }
    }
    #expect(try run.bind([(one, 1), (two, 0)])?.activation != nil)
  }

  /// The same from a GGUF file.
  @Test func ofGGUFFiles() throws {
    let run = try DecoderRun(.llama, .reference)
    var draft = run.adapter(alpha: 8)
    let plain = try run.bind([(draft.adapter(), 1)])
    draft["adapter.alora.invocation_tokens"] = .array(.uint32([7, 8]))
    let adapter = try draft.adapter()
    let set = try #require(try run.bind([(adapter, 1)]))
    #expect(set.activation?.tokens == Self.invocation)
    #expect(set.id != plain?.id)
    let expected = try logits(run, [(Self.prompt[..<Self.start], nil), (Self.prompt[Self.start...], plain)])
    #expect(difference(try activated(run, set, from: Self.start, size: 5), expected) < Tolerance.floats)
  }

  @Test func wantedLogitsAndLimits() throws {
    let run = try DecoderRun(.llama, .reference)
    let set = try run.bind([(Self.draft(run.decoder).adapter(), 1)])
    let sequence = run.decoder.makeSequence(capacity: 8)
    for (start, logits, wanted) in [
      (2, .last, [4]), (5, .last, [4]), (nil, .last, [4]), (0, .last, [4]), (2, .all, [0, 1, 2, 3, 4]),
      (2, .none, []),
    ] as [(Int?, Batch.Logits, [Int])] {
      var batch = Batch()
      try batch.append(Self.prompt.prefix(5), to: sequence, adapters: set, activeFrom: start, logits: logits)
      #expect(batch.count == 5)
      #expect(batch.wanted == wanted)
    }
    var batch = Batch()
    try batch.append(Self.prompt.prefix(3), to: sequence, adapters: set, activeFrom: 1, logits: .last)
    #expect(throws: ModelError.contextExceeded(limit: 8, requested: 9)) {
      try batch.append(Self.prompt.prefix(6), to: sequence, adapters: set, activeFrom: 4, logits: .last)
    }
    #expect(batch.count == 3)
  }
}
