import GGUF
import Kernels

/// A decoder-only transformer over a mapped file: immutable, shared by every context that runs it.
package final class Decoder: Sendable {
  package let file: GGUFFile
  package let hyperparameters: Hyperparameters
  package let weights: DecoderWeights
  package let compute: Compute
  let rotary: RotaryEmbedding
  /// Of sequences that may become longer than the original context (LongRoPE); nil: `rotary` is for all.
  private let longRotary: RotaryEmbedding?
  let interleavedRotary: Bool

  /// Checks the file's hyperparameters and tensors. Weights stay where the file is mapped.
  package init(_ file: GGUFFile, compute: Compute) throws {
    let architecture = try ArchitectureName(file)
    let hyperparameters = try Hyperparameters(
      file, architecture: architecture.rawValue, experts: architecture.architecture.experts,
      hasWindow: architecture.architecture.hasWindow)
    var loader = WeightLoader(file, hyperparameters)
    let embedding = try loader.embedding()
    let layers = try (0..<hyperparameters.layerCount).map { index in
      try architecture.architecture.layer("blk.\(index)", &loader)
    }
    let outputNorm = try loader.norm("output_norm", count: hyperparameters.embeddingLength)
    let output = try loader.output(tiedTo: embedding.0)
    let rope = hyperparameters.rope
    if case .longRope = rope.scaling {
      rotary = RotaryEmbedding(rope, factors: try loader.rotaryFactors(rope, "rope_factors_short"))
      longRotary = RotaryEmbedding(rope, factors: try loader.rotaryFactors(rope, "rope_factors_long"))
    } else {
      let factors =
        file.tensor("rope_freqs.weight") == nil ? nil : try loader.rotaryFactors(rope, "rope_freqs")
      rotary = RotaryEmbedding(rope, factors: factors)
      longRotary = nil
    }
    self.file = file
    self.hyperparameters = hyperparameters
    self.compute = compute
    weights = DecoderWeights(
      embedding: embedding.0, embeddingSite: embedding.site, layers: layers, outputNorm: outputNorm,
      output: output,
      sites: loader.sites)
    interleavedRotary = architecture.architecture.interleavedRotary
  }

  /// Up to how many positions a sequence has the short factors of LongRoPE; nil: the model has no such factors.
  package var originalContext: Int? {
    if case .longRope(let original, _) = hyperparameters.rope.scaling { original } else { nil }
  }

  /// The angles of a sequence. LongRoPE's factors are chosen once, by the longest that the sequence can become: rotated keys
  /// cannot change when it grows. (llama.cpp does the same; transformers chooses by the present length and computes the
  /// keys anew.)
  func rotary(of sequence: SequenceState) -> RotaryEmbedding {
    guard let longRotary, let originalContext, sequence.capacity > originalContext else { return rotary }
    return longRotary
  }

  /// A new, empty sequence of up to `capacity` positions: half-precision keys and values, float32 in reference mode.
  package func makeSequence(capacity: Int) -> SequenceState {
    let h = hyperparameters
    return SequenceState(
      store: KVStore(
        layers: h.layerCount, heads: h.kvHeadCount, headSize: h.headSize, capacity: capacity,
        areHalves: compute.table.name != KernelTable.reference.name))
  }

  /// The site of a tensor, or nil; of a stack of experts, give the expert.
  package func site(named tensor: String, expert: Int? = nil) -> Int? {
    weights.site(named: tensor, expert: expert)
  }
}
