import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// A real model with adapters trained on it, against HF transformers and PEFT in float32 on the same weights.
@Suite(.serialized) struct SmolLM2ConformanceTests {
  /// Thirty layers of float32 sums in another order; the logits spread over about ±25.
  static let referenceTolerance = 5e-3
  /// llama.cpp's mean KL divergence and mean rms error on the same file and prompts.
  static let peerDivergence = 1.7e-3
  static let peerRMS = 0.196
  /// Where the reference's best token leads by more than this, ours must be the same one.
  static let decidedMargin = 0.5

  private func compare(_ table: KernelTable) throws -> [(SmolLM2Manifest.Case, LogitsComparison)] {
    let manifest = try SmolLM2Manifest.load()
    let run = try DecoderRun(TestModels.requireSmolLM2(), table)
    return try manifest.casesWithLogits.map { item in
      let adapters = try item.adapters.map {
        (try LoRA.Adapter.read(GGUFFile.open(manifest.adapterPath($0.name))), $0.scale)
      }
      let rows = try run.lastLogits(manifest.prompt(of: item).tokens, run.bind(adapters))
      return (item, LogitsComparison(reference: try manifest.logits(of: item), candidate: rows))
    }
  }

  @Test(.needsSmolLM2) func referenceModeMatches() throws {
    let results = try compare(.reference)
    #expect(results.count == 7)
    for (item, comparison) in results {
      #expect(comparison.maxAbs < Self.referenceTolerance, "\(item.id)")
      #expect(comparison.sameArgmax, "\(item.id)")
    }
  }

  @Test(.needsSmolLM2) func fastModeIsNoWorseThanLlamaCpp() throws {
    let results = try compare(.best(environment: nil))
    let count = Double(results.count)
    let divergence = results.reduce(0) { $0 + $1.1.klDivergence } / count
    let rms = results.reduce(0) { $0 + $1.1.rms } / count
    print("SmolLM2 Q4_1, fast: mean KL \(divergence) (llama.cpp 1.7e-3), mean rms \(rms) (llama.cpp 0.196)")
    #expect(divergence <= Self.peerDivergence)
    #expect(rms <= Self.peerRMS)
    for (item, comparison) in results where comparison.referenceMargin > Self.decidedMargin {
      #expect(comparison.sameArgmax, "\(item.id)")
    }
  }
}
