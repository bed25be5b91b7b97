import GGUF
import Kernels

/// A decoder-only transformer over a mapped file: immutable, shared by every context that runs it.
package final class Decoder: Sendable {
  package let file: GGUFFile
  package let hyperparameters: Hyperparameters
  package let weights: DecoderWeights
  package let compute: Compute
  let rotary: RotaryEmbedding
  let interleavedRotary: Bool

  /// Checks the file's hyperparameters and tensors. Weights stay where the file is mapped.
  package init(_ file: GGUFFile, compute: Compute) throws {
    let architecture = try ArchitectureName(file)
    let hyperparameters = try Hyperparameters(
      file, architecture: architecture.rawValue, experts: architecture.architecture.experts)
    var loader = WeightLoader(file, hyperparameters)
    let embedding = try loader.embedding()
    let layers = try (0..<hyperparameters.layerCount).map { index in
      try architecture.architecture.layer("blk.\(index)", &loader)
    }
    let outputNorm = try loader.norm("output_norm", count: hyperparameters.embeddingLength)
    let output = try loader.output(tiedTo: embedding.0)
    let factors = try loader.optionalVector("rope_freqs.weight", count: hyperparameters.rope.dimensions / 2)
    if let wrong = factors?.first(where: { !($0.isFinite && $0 > 0) }) {
      throw ModelError.invalidHyperparameter(
        file: file.path, key: "rope_freqs.weight", expected: "positive numbers", found: "\(wrong)")
    }
    self.file = file
    self.hyperparameters = hyperparameters
    self.compute = compute
    weights = DecoderWeights(
      embedding: embedding.0, embeddingSite: embedding.site, layers: layers, outputNorm: outputNorm,
      output: output,
      sites: loader.sites)
    rotary = RotaryEmbedding(hyperparameters.rope, factors: factors)
    interleavedRotary = architecture.architecture.interleavedRotary
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
