import Kernels
import LoRA
import Testing
import Transformer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a sequence remembers, and what it forgets.
@Suite struct SequenceTests {
  private let tokens = TinyModel.tokens(30).map { Int32($0) }

  private func append(
    _ part: some Collection<Int32>, to sequence: SequenceState, _ adapters: AdapterSet?, _ run: DecoderRun
  ) throws -> [[Float]] {
    let state = DecoderState(run.decoder, maximumTokens: part.count, maximumLogits: part.count)
    var batch = Batch()
    try batch.append(part, to: sequence, adapters: adapters, logits: .all)
    try run.decoder.forward(batch, state)
    return (0..<part.count).map { state.logits.values(row: $0) }
  }

  @Test(arguments: [TinyModel.llama] + TinyModel.quantized, DecoderRun.tables)
  func truncatedIsAsNeverWritten(_ model: TinyModel, _ table: KernelTable) throws {
    let run = try DecoderRun(model, table)
    let set = try run.bind([(run.adapter().adapter(), 1)])
    let fresh = run.decoder.makeSequence(capacity: 30)
    _ = try append(tokens[..<9], to: fresh, set, run)
    let expected = try append(tokens[20...], to: fresh, set, run)

    let used = run.decoder.makeSequence(capacity: 30)
    _ = try append(tokens[..<9], to: used, set, run)
    // What is forgotten may have had other adapters, and may have reached further.
    _ = try append(tokens[9...], to: used, nil, run)
    used.truncate(to: 9)
    #expect(used.length == 9)
    #expect(try append(tokens[20...], to: used, set, run) == expected)
    #expect(used.length == 19)

    used.truncate(to: 0)
    let whole = run.decoder.makeSequence(capacity: 30)
    #expect(try append(tokens, to: used, nil, run) == append(tokens, to: whole, nil, run))
  }

  /// Keys and values keep the adapters they were computed with.
  @Test(arguments: DecoderRun.tables) func thePastKeepsItsAdapters(_ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    let set = try run.bind([(run.adapter(where: { $0.tensor.contains("attn_v") }).adapter(), 1)])
    let adapted = run.decoder.makeSequence(capacity: 30), base = run.decoder.makeSequence(capacity: 30)
    _ = try append(tokens[..<9], to: adapted, set, run)
    _ = try append(tokens[..<9], to: base, nil, run)
    #expect(try append(tokens[9...12], to: adapted, nil, run) != append(tokens[9...12], to: base, nil, run))
  }

  /// A sequence's memory is not cleared; whatever lay there before must not show.
  @Test(arguments: [TinyModel.llama, TinyModel.quantized[0]], DecoderRun.tables)
  func memoryThatWasNeverWrittenIsNeverRead(_ model: TinyModel, _ table: KernelTable) throws {
    let run = try DecoderRun(model, table)
    let h = run.decoder.hyperparameters
    var expected: [[Float]]?
    for byte in [Int32(0x00), 0xFF, 0x7B] {
      var freed: [UnsafeMutableRawPointer] = []
      for capacity in [31, 40, 100] {
        for width in [2, 4] {
          let bytes = 2 * h.layerCount * h.kvHeadCount * capacity * h.headSize * width
          for _ in 0..<4 {
            guard let memory = aligned_alloc(64, (bytes + 63) & ~63) else { continue }
            memset(memory, byte, bytes)
            freed.append(memory)
          }
        }
      }
      for memory in freed { free(memory) }
      for capacity in [31, 40, 100] {
        let sequence = run.decoder.makeSequence(capacity: capacity)
        var rows = try append(tokens[..<17], to: sequence, nil, run)
        for index in 17..<30 { rows += try append(tokens[index...index], to: sequence, nil, run) }
        if let expected { #expect(rows == expected) } else { expected = rows }
      }
    }
    #expect(expected?.allSatisfy { $0.allSatisfy(\.isFinite) } == true)
  }
}
