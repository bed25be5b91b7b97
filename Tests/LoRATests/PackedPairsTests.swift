import GGUF
import Kernels
import LoRA
import Testing
import Transformer

/// Factors packed for the kernels of quantized models: once for an adapter and a model, and gone with either.
@Suite(.enabled(if: !DecoderRun.fastTables.isEmpty)) struct PackedPairsTests {
  private let quantized = TinyModel.quantized[2]

  private func segments(_ set: AdapterSet?) -> [LowRankDelta.Segment] {
    set?.deltas.sites.compactMap { $0 }.flatMap(\.segments) ?? []
  }

  @Test func onceForAModel() throws {
    let table = try #require(DecoderRun.fastTables.last)
    let run = try DecoderRun(quantized, table)
    let adapter = try run.adapter(alpha: 8).adapter()
    #expect(adapter.packed.byteCount == 0)
    var cache: BindingCache? = BindingCache()
    let first = try AdapterBinding(run.decoder, cache: #require(cache)).bind([.init(adapter, scale: 1)])
    let bytes = adapter.packed.byteCount
    #expect(bytes > 0)
    let again = try AdapterBinding(run.decoder, cache: #require(cache)).bind([.init(adapter, scale: 0.5)])
    #expect(adapter.packed.byteCount == bytes)
    let pairs = segments(first).compactMap(\.packed), same = segments(again).compactMap(\.packed)
    #expect(!pairs.isEmpty && pairs.count == same.count)
    #expect(zip(pairs, same).allSatisfy { $0 === $1 })
    // Another model has its own order of rows; that of a model that is gone is let go.
    let other = BindingCache()
    _ = try AdapterBinding(run.decoder, cache: other).bind([.init(adapter, scale: 1)])
    #expect(adapter.packed.byteCount == 2 * bytes)
    cache = nil
    let third = BindingCache()
    _ = try AdapterBinding(run.decoder, cache: third).bind([.init(adapter, scale: 1)])
    #expect(adapter.packed.byteCount == 2 * bytes)
    withExtendedLifetime(other) {}
  }

  /// An embedding's factors are looked up, not multiplied with an input; a float model's kernels read floats.
  @Test func onlyWhereIntegersAreMultiplied() throws {
    for table in DecoderRun.tables {
      for (model, packs) in [(quantized, table.name.hasPrefix("x86")), (TinyModel.llama, false)] {
        let run = try DecoderRun(model, table)
        let adapter = try run.adapter(alpha: 8).adapter()
        let set = try #require(try run.bind([(adapter, 1)]))
        for (site, delta) in zip(run.decoder.weights.sites, set.deltas.sites) {
          for segment in delta?.segments ?? [] {
            let isPacked = segment.packed != nil
            #expect(isPacked == (packs && site.kind != .embedding), "\(table.name), \(site.tensor)")
          }
        }
      }
    }
  }

  /// Packed factors are not more than F16 ones, or Q8_0's scales in full.
  @Test func takesNoMoreThanTheFile() throws {
    let run = try DecoderRun(quantized, try #require(DecoderRun.fastTables.last))
    for (type, part) in [(TensorType.f32, 0.35), (.f16, 0.7)] {
      let draft = run.adapter(alpha: 8) { _ in 16 }
      let adapter = try draft.converted(to: type).adapter()
      let set = try run.bind([(adapter, 1)])
      let own = segments(set).filter { $0.packed != nil }
      let file = own.reduce(0) { $0 + $1.a.byteCount + $1.b.byteCount }
      #expect(adapter.packed.byteCount < Int(part * Double(file)))
    }
  }
}
