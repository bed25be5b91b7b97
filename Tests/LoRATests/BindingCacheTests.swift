import Kernels
import LoRA
import Testing
import Transformer

/// What binding keeps to be faster next time: never more than it may, and never what would be wrong.
@Suite struct BindingCacheTests {
  private let tokens = TinyModel.tokens(9)

  @Test func theSameWithAndWithout() throws {
    let run = try DecoderRun(.llama, .reference)
    let cache = BindingCache()
    let binding = AdapterBinding(run.decoder, cache: cache)
    let adapters = try [PEFTMergedTests.Kind.magnitudes, .embeddingMagnitudes, .plain].map {
      try PEFTMergedTests.draft($0, run.decoder).adapter()
    }
    for round in 0..<2 {
      for adapter in adapters {
        for scale: Float in [1, 0.5] {
          let found = try binding.bind([.init(adapter, scale: scale)])
          let expected = try run.bind([(adapter, scale)])
          #expect(try run.logits(tokens, found) == run.logits(tokens, expected), "round \(round)")
        }
      }
    }
    let filled = cache.byteCount
    #expect(filled > 0)
    _ = try binding.bind(adapters.map { .init($0, scale: 0.5) })
    #expect(cache.byteCount == filled)
  }

  /// What was computed for an adapter serves any other of the same content, and no other scale or content.
  @Test func isFoundByContent() throws {
    let run = try DecoderRun(.llama, .reference)
    let cache = BindingCache()
    let binding = AdapterBinding(run.decoder, cache: cache)
    func bind(seed: UInt64, scale: Float) throws -> Int {
      let before = cache.computedCount
      let adapter = try PEFTMergedTests.draft(.magnitudes, run.decoder, seed: seed).adapter()
      _ = try binding.bind([.init(adapter, scale: scale)])
      return cache.computedCount - before
    }
    let layers = run.decoder.hyperparameters.layerCount
    // Norms of seven matrices a layer, and B of q and k in the model's order.
    #expect(try bind(seed: 1, scale: 1) == 9 * layers)
    #expect(try bind(seed: 1, scale: 1) == 0)
    #expect(try bind(seed: 1, scale: 0.5) == 7 * layers)
    #expect(try bind(seed: 2, scale: 1) == 9 * layers)
    #expect(try bind(seed: 1, scale: 1) == 0)
  }

  @Test func isBounded() throws {
    let run = try DecoderRun(.llama, .reference)
    let limit = 10_000
    let cache = BindingCache(byteLimit: limit)
    let binding = AdapterBinding(run.decoder, cache: cache)
    let adapter = try PEFTMergedTests.draft(.magnitudes, run.decoder).adapter()
    for scale: Float in [1, 0.5, 2, -1] {
      let found = try binding.bind([.init(adapter, scale: scale)])
      #expect(cache.byteCount <= limit)
      #expect(cache.byteCount > 0)
      #expect(try run.logits(tokens, found) == run.logits(tokens, run.bind([(adapter, scale)])))
    }
  }

  /// A removed adapter is freed: the cache holds what was computed, not where it came from.
  @Test func holdsNoAdapter() throws {
    let run = try DecoderRun(.llama, .reference)
    let binding = AdapterBinding(run.decoder)
    weak var adapter: LoRA.Adapter?
    do {
      let made = try PEFTMergedTests.draft(.magnitudes, run.decoder).adapter()
      adapter = made
      _ = try binding.bind([.init(made, scale: 1)])
    }
    #expect(adapter == nil)
  }
}
