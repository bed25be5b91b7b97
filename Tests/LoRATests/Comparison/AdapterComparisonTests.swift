import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// Differences of adapters through small products, against whole matrices in Double.
@Suite struct AdapterComparisonTests {
  private static func pair(_ seed: UInt64, rank: Int, alpha: String = "8") -> PEFTDraft {
    var draft = PEFTDraft()
    draft["r"] = "\(rank)"
    draft["lora_alpha"] = alpha
    draft.addPair("model.layers.0.mlp.up_proj", inputs: 40, outputs: 24, rank: rank, seed: seed)
    return draft
  }

  /// `alpha / rank × B·A`, entry by entry.
  private static func product(_ pair: LowRankPair) -> [Double] {
    let a = pair.a.dequantized(), b = pair.b.dequantized()
    let scale = Double(pair.effectiveScale(1))
    return (0..<pair.b.rows * pair.a.columns).map { i in
      let (row, column) = (i / pair.a.columns, i % pair.a.columns)
      return (0..<pair.rank).reduce(0) {
        $0 + scale * Double(b[row * pair.rank + $1]) * Double(a[$1 * pair.a.columns + column])
      }
    }
  }

  @Test(arguments: [(4, 4), (3, 7), (1, 16), (50, 3), (24, 25), (60, 60)]) func equalsWholeMatrices(
    _ first: Int, _ second: Int
  ) throws {
    let adapters = try (
      Self.pair(1, rank: first).adapter(), Self.pair(2, rank: second, alpha: "3").adapter()
    )
    let line = try #require(try AdapterComparison(adapters.0, adapters.1).lines.first)
    let x = Self.product(adapters.0.pairs[0]), y = Self.product(adapters.1.pairs[0])
    func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let expected = norm(zip(x, y).map { $0 - $1 }) / max(norm(x), norm(y))
    #expect(abs(try #require(line.relativeDifference) - expected) < 1e-6)
    #expect(abs(try #require(line.first?.norm) - norm(x)) < 1e-6 * norm(x))
    #expect(line.first?.rank == first && line.second?.rank == second)
  }

  @Test func theSameIsNoDifference() throws {
    let run = try DecoderRun(.llama, .reference)
    for kind in PEFTMergedTests.Kind.allCases {
      let adapter = try PEFTMergedTests.draft(kind, run.decoder).adapter()
      let other = try PEFTMergedTests.draft(kind, run.decoder, seed: 2).adapter()
      let same = try AdapterComparison(adapter, adapter).lines
      #expect(same.count >= adapter.changes.count)
      #expect(same.allSatisfy { ($0.relativeDifference ?? 1) < 1e-6 }, "\(kind)")
      let different = try AdapterComparison(adapter, other).lines
      #expect(different.allSatisfy { ($0.relativeDifference ?? 0) > 0.5 }, "\(kind)")
    }
  }

  /// Factors may differ where their product does not.
  @Test func productsCountAndNotFactors() throws {
    let draft = Self.pair(1, rank: 4)
    var other = draft
    other.edit { name, _, values in
      let factor: Float = name.contains("lora_A") ? 0.25 : 8
      for i in values.indices { values[i] *= factor }
    }
    other["lora_alpha"] = "4"
    let line = try #require(try AdapterComparison(draft.adapter(), other.adapter()).lines.first)
    #expect(try #require(line.relativeDifference) < 1e-6)
  }

  @Test func tensorsOfOneOnly() throws {
    var first = Self.pair(1, rank: 4), second = Self.pair(1, rank: 4)
    first.addPair("model.layers.0.mlp.gate_proj", inputs: 40, outputs: 24)
    second.addPair("model.layers.1.mlp.up_proj", inputs: 40, outputs: 24)
    let lines = try AdapterComparison(first.adapter(), second.adapter()).lines
    #expect(
      lines.map(\.tensor) == [
        "model.layers.0.mlp.up_proj", "model.layers.0.mlp.gate_proj", "model.layers.1.mlp.up_proj",
      ])
    #expect(lines.map { $0.first == nil } == [false, false, true])
    #expect(lines.map { $0.second == nil } == [false, true, false])
    second = Self.pair(1, rank: 4)
    second.addPair("model.layers.0.mlp.up_proj", inputs: 48, outputs: 24)
    let shapes = try AdapterComparison(first.adapter(), second.adapter()).lines
    #expect(shapes[0].first != nil && shapes[0].second != nil && shapes[0].relativeDifference == nil)
  }

  /// Ranks, and factors of an embedding's shape under other names, for which tables of all pairs would take 34 GB.
  @Test(.timeLimit(.minutes(1))) func largeDimensionsTakeNoTables() throws {
    for (name, a, b) in [
      ("blk.0.attn_q.weight", [1, 65536], [1, 64]), ("blk.0.attn_q.weight", [1, 65536], [65536, 1]),
      ("token_embd.weight", [65536, 1], [1, 64]), ("token_embd.weight", [1, 65536], [1, 64]),
    ] {
      var draft = GGUFDraft.adapter([])
      HostileAdapterTests.pair(&draft, name, a: a, b: b)
      let adapter = try draft.adapter()
      let line = try #require(try AdapterComparison(adapter, adapter).lines.first)
      let rank = b[0]
      let product = Double(a[0] * a[1] / rank * b[1]).squareRoot() * Double(rank) * 1e-4
      let scale = Double(adapter.pairs[0].effectiveScale(1))
      #expect(abs(try #require(line.first?.norm) / (product * scale) - 1) < 1e-5)
      #expect(line.relativeDifference ?? 1 < 1e-6)
    }
  }

  /// A converted adapter is the one it was converted from; telling needs the base.
  @Test(arguments: PEFTMergedTests.Kind.allCases) func conversionsDoNotDiffer(_ kind: PEFTMergedTests.Kind)
    throws
  {
    let run = try DecoderRun(.llama, .reference)
    let target = ConversionTarget(run.decoder)
    let adapter = try PEFTMergedTests.draft(kind, run.decoder).adapter()
    let converted = try AdapterConversionTests.convert(adapter, target)
    #expect(throws: AdapterError.self) { try AdapterComparison(adapter, converted) }
    let lines = try AdapterComparison(adapter, converted, target: target).lines
    #expect(lines.allSatisfy { ($0.relativeDifference ?? 1) < 1e-6 })
  }
}
