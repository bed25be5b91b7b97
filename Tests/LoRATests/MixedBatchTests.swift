import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// Sequences with different adapters in one forward pass.
@Suite struct MixedBatchTests {
  /// One sequence's share of a batch.
  struct Part {
    var tokens: [Int]
    var adapters: AdapterSet?
  }

  static let models =
    [TinyModel.llama, .tied] + TinyModel.quantized + TinyModel.experts + TinyModel.quantizedExperts

  /// Prompts of different lengths, single tokens among them, base rows between adapted ones.
  private func parts(_ run: DecoderRun) throws -> [Part] {
    let one = try run.adapter(alpha: 8).adapter()
    let two = try run.adapter(seed: 8) { 3 + $0 % 3 }.adapter()
    let some = try run.adapter(
      seed: 9, where: { $0.tensor.contains("ffn_down") || $0.kind == .embedding }
    ).adapter()
    let a = try run.bind([(one, 1)])
    let both = try run.bind([(one, 0.8), (two, -0.5)])
    let c = try run.bind([(some, 1)])
    return [nil, a, both, nil, c, a, a, nil, both, c].enumerated().map { index, set in
      let length = [5, 1, 13, 1, 4, 2, 70, 3, 1, 1][index]
      return Part(tokens: TinyModel.tokens(length, seed: UInt64(100 + index)), adapters: set)
    }
  }

  /// All rows' logits of two passes: the parts' tokens, then one more token each.
  private func together(_ run: DecoderRun, _ parts: [Part]) throws -> [[[Float]]] {
    let count = parts.reduce(0) { $0 + $1.tokens.count }
    let state = DecoderState(run.decoder, maximumTokens: count, maximumLogits: count)
    let sequences = parts.map { run.decoder.makeSequence(capacity: $0.tokens.count + 1) }
    var rows = [[[Float]]](repeating: [], count: parts.count)
    var batch = Batch()
    for pass in 0..<2 {
      batch.removeAll()
      let tokens = parts.map { pass == 0 ? $0.tokens : [$0.tokens[0]] }
      for (index, part) in parts.enumerated() {
        try batch.append(
          tokens[index].map { Int32($0) }, to: sequences[index], adapters: part.adapters, logits: .all)
      }
      try run.decoder.forward(batch, state)
      var row = 0
      for index in parts.indices {
        for _ in tokens[index] {
          rows[index].append(state.logits.values(row: row))
          row += 1
        }
      }
    }
    #expect(zip(sequences, parts).allSatisfy { $0.length == $1.tokens.count + 1 })
    return rows
  }

  @Test(arguments: models, DecoderRun.tables)
  func baseRowsAreUntouchedBitForBit(_ model: TinyModel, _ table: KernelTable) throws {
    let run = try DecoderRun(model, table)
    let parts = try parts(run)
    let mixed = try together(run, parts)
    let base = try together(run, parts.map { Part(tokens: $0.tokens) })
    for (index, part) in parts.enumerated() {
      if part.adapters == nil {
        #expect(mixed[index] == base[index], "sequence \(index)")
      } else {
        #expect(difference(mixed[index], base[index]) > 0.05, "sequence \(index)")
      }
    }
  }

  @Test(arguments: models, DecoderRun.tables)
  func everySequenceIsAsItIsAlone(_ model: TinyModel, _ table: KernelTable) throws {
    let run = try DecoderRun(model, table)
    let parts = try parts(run)
    let mixed = try together(run, parts)
    let isExact = ["reference", "portable"].contains(table.name) || !model.name.hasPrefix("quant")
    for (index, part) in parts.enumerated() {
      let alone = try together(run, [part])[0]
      let rms = Logits.rmsDifference(mixed[index].flatMap { $0 }, alone.flatMap { $0 })
      #expect(
        rms < (isExact ? Tolerance.floatWeights(table) : BatchSizeTests.activationRounding),
        "sequence \(index)")
    }
  }

  @Test(arguments: models, DecoderRun.tables)
  func theNumberOfThreadsDoesNotMatter(_ model: TinyModel, _ table: KernelTable) throws {
    var expected: [[[Float]]]?
    for threads in [1, 2, 5] {
      let run = try DecoderRun(model, table, threads: threads)
      let parts = try parts(run)
      // Alone too: there a single token goes through the kernels.
      let rows = try together(run, parts) + together(run, [parts[1]]) + together(run, [parts[3]])
      if let expected { #expect(rows == expected, "\(threads) threads") } else { expected = rows }
    }
  }

  /// The same pass again gives the same bits: no result depends on which thread came first.
  @Test(arguments: DecoderRun.tables) func aPassCanBeRepeated(_ table: KernelTable) throws {
    let run = try DecoderRun(.quantized[0], table)
    let parts = try parts(run)
    let first = try together(run, parts)
    for _ in 0..<5 { #expect(try together(run, parts) == first) }
  }

  /// A sequence may change its adapters within a batch; what was computed before keeps the old ones.
  @Test(arguments: DecoderRun.tables) func aSequenceMayComeTwice(_ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    let set = try run.bind([(run.adapter().adapter(), 1)])
    let tokens = TinyModel.tokens(12).map { Int32($0) }
    func logits(inOnePass: Bool) throws -> [Float] {
      let state = DecoderState(run.decoder, maximumTokens: 12, maximumLogits: 1)
      let sequence = run.decoder.makeSequence(capacity: 12)
      var batch = Batch()
      try batch.append(tokens[..<7], to: sequence, adapters: set, logits: .none)
      if !inOnePass {
        try run.decoder.forward(batch, state)
        batch.removeAll()
      }
      try batch.append(tokens[7...], to: sequence, adapters: nil, logits: .last)
      try run.decoder.forward(batch, state)
      #expect(sequence.length == 12)
      return state.logits.values(row: 0)
    }
    let once = try logits(inOnePass: true)
    #expect(Logits.maxAbsDifference(once, try logits(inOnePass: false)) < Tolerance.floatWeights(table))
    #expect(Logits.maxAbsDifference(once, try run.lastLogits(tokens.map { Int($0) }, nil)) > 0.05)
    #expect(Logits.maxAbsDifference(once, try run.lastLogits(tokens.map { Int($0) }, set)) > 0.05)
  }
}
