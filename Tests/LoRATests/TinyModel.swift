import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// A model from `Fixtures`, and adapters made for it here.
struct TinyModel: Sendable, CustomTestStringConvertible {
  let name: String
  let path: String
  /// The format to which its matrices are converted here; nil: as they are.
  let weights: TensorType?
  var testDescription: String { name }

  private init(folder: String, weights: TensorType? = nil) {
    name = weights.map { "quant/\(folder) \($0.name)" } ?? folder
    path = Fixtures.path("\(folder)/model.gguf")
    self.weights = weights
  }

  private init(quantized type: String) {
    name = "quant/\(type)"
    path = Fixtures.path("quant/\(type).gguf")
    weights = nil
  }

  static let llama = TinyModel(folder: "llama")
  static let tied = TinyModel(folder: "llama_tied_l3rope")
  static let qwen2 = TinyModel(folder: "qwen2")
  /// Fused projections, tied.
  static let phi3 = TinyModel(folder: "phi3_longrope")
  /// Float32 models: untied, tied, with biases and rotary halves, with heads of their own size, with fused matrices.
  static let floats = [llama, TinyModel(folder: "qwen2"), tied, TinyModel(folder: "mistral"), phi3]
  /// One for each way the kernels read weights: 8-bit or 16-bit activations, blocks of 32 or 256, with offsets or not.
  static let quantized = ["Q4_1", "Q8_0", "Q4_K_M", "Q6_K", "IQ4_XS"].map { TinyModel(quantized: $0) }

  /// Mixtures of experts: interleaved rotary pairs, and halves with norms over heads.
  static let experts = [TinyModel(folder: "mixtral"), TinyModel(folder: "qwen3moe")]
  /// Experts that are read with 8-bit and with 16-bit activations.
  static let quantizedExperts = [TensorType.q4_1, .q8_0].map { TinyModel(folder: "mixtral", weights: $0) }

  func draft() throws -> GGUFDraft {
    let draft = try GGUFDraft(path: path)
    // A router is never quantized.
    return weights.map { type in
      draft.converted(to: type) { $0.dimensions.count > 1 && !$0.name.contains("ffn_gate_inp") }
    } ?? draft
  }

  /// Token ids that every model has; the same for the same count and seed.
  static func tokens(_ count: Int, seed: UInt64 = 1) -> [Int] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in Int(random.next() % 320) }
  }
}

extension Decoder {
  /// The sites that a low-rank adapter can change.
  var adaptable: [Site] { weights.sites.filter { $0.kind != .norm } }
}

/// How strongly the adapters made here act: each moves the logits, which spread over about ±10, by some units.
let adapterDeviation: Float = 0.2

extension GGUFDraft {
  /// A LoRA adapter for some of a model's sites, with random factors.
  ///
  /// Sites of the experts of one tensor become one stack.
  ///
  /// - Parameter rank: of the pair for each site, by its place in `sites`; of a stack, the first one's.
  static func adapter(
    _ sites: [Site], architecture: String = "llama", alpha: Float? = nil, seed: UInt64 = 7,
    rank: (Int) -> Int = { _ in 4 }
  ) -> GGUFDraft {
    var draft = GGUFDraft()
    draft["general.type"] = .string("adapter")
    draft["general.architecture"] = .string(architecture)
    draft["adapter.type"] = .string("lora")
    if let alpha { draft["adapter.lora.alpha"] = .float32(alpha) }
    var random = SplitMix64(seed: seed)
    for (index, site) in sites.enumerated() {
      let rank = rank(index)
      let isEmbedding = site.kind == .embedding
      if index > 0, sites[index - 1].tensor == site.tensor { continue }
      let stack = site.expert == nil ? [] : [sites.count { $0.tensor == site.tensor }]
      let a = (isEmbedding ? [rank, site.outputs] : [site.inputs, rank]) + stack
      let b = [rank, isEmbedding ? site.inputs : site.outputs] + stack
      // An embedding's rows are looked up, not summed over.
      let spread = isEmbedding ? 1 : 1 / Float(site.inputs).squareRoot()
      draft.put(Tensor(site.tensor + ".lora_a", a, random.normals(a.reduce(1, *), deviation: spread)))
      let deviation = adapterDeviation / Float(rank).squareRoot()
      draft.put(Tensor(site.tensor + ".lora_b", b, random.normals(b.reduce(1, *), deviation: deviation)))
    }
    return draft
  }

  func adapter(_ name: String = "memory") throws -> LoRA.Adapter { try LoRA.Adapter.read(file(name)) }
}

extension DecoderRun {
  init(_ model: TinyModel, _ table: KernelTable, threads: Int = 2) throws {
    if model.weights == nil {
      try self.init(model.path, table, threads: threads)
    } else {
      try self.init(model.draft().file(model.name), table, threads: threads)
    }
  }

  /// A random adapter for all sites, or for those that `choose` picks.
  func adapter(
    alpha: Float? = nil, seed: UInt64 = 7, rank: (Int) -> Int = { _ in 4 },
    where choose: (Site) -> Bool = { _ in true }
  ) -> GGUFDraft {
    .adapter(
      decoder.adaptable.filter(choose), architecture: decoder.hyperparameters.architecture, alpha: alpha,
      seed: seed,
      rank: rank)
  }
}

extension KernelTable: CustomTestStringConvertible {
  public var testDescription: String { name }
}

/// Limits for two computations of the same thing.
enum Tolerance {
  /// Float32 sums in another order, a few layers deep.
  static let floats = 2e-4
  /// Keys and values in half precision: a sum that differs in its last bit may round to the next half, 2⁻¹¹ away.
  static let halves = 2e-2

  /// Float weights: sequences keep float32 only in reference mode.
  static func floatWeights(_ table: KernelTable) -> Double {
    table.name == KernelTable.reference.name ? floats : halves
  }
}

/// The largest difference of any logit of any row.
func difference(_ a: [[Float]], _ b: [[Float]]) -> Double {
  a.count == b.count ? zip(a, b).map { Logits.maxAbsDifference($0, $1) }.max() ?? 0 : .infinity
}
