import LoRA
import TestSupport
import Testing
import Transformer

/// Activated LoRA against PEFT's own logits. `PEFTConformanceTests` compares every case; here is what tells a right
/// beginning from a wrong one.
@Suite struct ActivatedConformanceTests {
  private static let model = "kinds/llama"
  private static let invocation: [Int32] = [71, 8, 71]

  /// Where the adapter begins in each of the generator's prompts, counted by hand; nil: nowhere.
  static let starts: [String: Int?] = [
    "once": 3, "twice": 6, "overlapping": 4, "false_start": 4, "at_the_end": 5, "at_the_beginning": 0,
    "absent": Int?.none,
  ]

  private static func cases(_ manifest: ConformanceManifest) -> [ConformanceCase] {
    manifest.cases.filter { $0.adapters.map(\.name) == ["alora"] }
  }

  /// Logits of every position with the adapter from `start` on.
  private func logits(_ run: DecoderRun, _ tokens: [Int], _ set: AdapterSet, from start: Int?) throws
    -> [[Float]]
  {
    let state = DecoderState(run.decoder, maximumTokens: tokens.count, maximumLogits: tokens.count)
    var batch = Batch()
    try batch.append(
      tokens.map { Int32($0) }, to: run.decoder.makeSequence(capacity: tokens.count), adapters: set,
      activeFrom: start, logits: .all)
    try run.decoder.forward(batch, state)
    return tokens.indices.map { state.logits.values(row: $0) }
  }

  @Test func coversEveryPrompt() throws {
    let manifest = try ConformanceManifest.load(Self.model)
    #expect(Set(Self.cases(manifest).map(\.sequence)) == Set(Self.starts.keys))
    #expect(Self.cases(manifest).count == 2 * Self.starts.count)
    #expect(
      try LoRA.Adapter.read(path: manifest.peftPath("alora")).invocationTokens == Self.invocation)
  }

  @Test(arguments: starts.keys.sorted()) func onlyPEFTsBeginningMatches(_ prompt: String) throws {
    let manifest = try ConformanceManifest.load(Self.model)
    let run = try DecoderRun(manifest.modelPath)
    let expected = try #require(Self.starts[prompt])
    for item in Self.cases(manifest) where item.sequence == prompt {
      let tokens = try manifest.tokens(of: item)
      let set = try #require(try PEFTConformanceTests.bind(run, manifest, item))
      let start = try #require(set.activation).start(in: tokens.map { Int32($0) })
      #expect(start == expected)
      let right = try logits(run, tokens, set, from: start)
      #expect(try PEFTConformanceTests.error(right, manifest, item) < ModelConformanceTests.tolerance)
      // From the first token of all, one earlier, one later (the end of the sequence's first token), after the sequence,
      // and never: each is far away.
      var others: [Int?] = [0, nil]
      if let start { others += [start - 1, start + 1, start + Self.invocation.count].map { $0 } }
      for other in others where other != start && (other ?? 0) >= 0 && (other ?? 0) < tokens.count {
        let wrong = try logits(run, tokens, set, from: other)
        #expect(
          try PEFTConformanceTests.error(wrong, manifest, item) > 1000 * ModelConformanceTests.tolerance,
          "from \(other.map(String.init) ?? "nowhere")")
      }
    }
  }
}
