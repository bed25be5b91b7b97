/// Qwen3's mixtures of experts (30B-A3B, 235B-A22B): as Qwen3, with experts in every layer. Source: Qwen Team 2025.
enum Qwen3MoEArchitecture: Architecture {
  static let interleavedRotary = false
  static let experts = ExpertRule.required

  static func layer(_ prefix: String, _ loader: inout WeightLoader) throws -> DecoderLayer {
    try halvesLayer(prefix, &loader, headNorms: true)
  }
}
