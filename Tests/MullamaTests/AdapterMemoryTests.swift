import Foundation
import Mullama
import TestSupport
import Testing

/// What adapters cost: the table of `docs/adapters.md`, and adapters that were loaded.
@Suite struct AdapterMemoryTests {
  /// A model's layers, from its published configuration.
  private struct Shape {
    let layers: Int, embedding: Int, heads: Int, kvHeads: Int, headSize: Int, feedForward: Int
    var experts = 1

    /// Inputs + outputs, summed over every matrix of the layers.
    var lengths: Int {
      let query = heads * headSize, keyValue = kvHeads * headSize
      let attention = 2 * (embedding + query) + 2 * (embedding + keyValue)
      let router = experts > 1 ? embedding + experts : 0
      return layers * (attention + experts * 3 * (embedding + feedForward) + router)
    }
  }

  private static let shapes: [String: Shape] = [
    "SmolLM2 135M": Shape(
      layers: 30, embedding: 576, heads: 9, kvHeads: 3, headSize: 64, feedForward: 1536),
    "Qwen2.5 0.5B": Shape(
      layers: 24, embedding: 896, heads: 14, kvHeads: 2, headSize: 64, feedForward: 4864),
    "Llama 3.2 1B": Shape(
      layers: 16, embedding: 2048, heads: 32, kvHeads: 8, headSize: 64, feedForward: 8192),
    "Qwen2.5 1.5B": Shape(
      layers: 28, embedding: 1536, heads: 12, kvHeads: 2, headSize: 128, feedForward: 8960),
    "Llama 3.2 3B": Shape(
      layers: 28, embedding: 3072, heads: 24, kvHeads: 8, headSize: 128, feedForward: 8192),
    "Mistral 7B": Shape(
      layers: 32, embedding: 4096, heads: 32, kvHeads: 8, headSize: 128, feedForward: 14336),
    "Qwen2.5 7B": Shape(
      layers: 28, embedding: 3584, heads: 28, kvHeads: 4, headSize: 128, feedForward: 18944),
    "Llama 3.1 8B": Shape(
      layers: 32, embedding: 4096, heads: 32, kvHeads: 8, headSize: 128, feedForward: 14336),
    "Mixtral 8x7B": Shape(
      layers: 32, embedding: 4096, heads: 32, kvHeads: 8, headSize: 128, feedForward: 14336, experts: 8),
    "Qwen3 30B-A3B": Shape(
      layers: 48, embedding: 2048, heads: 32, kvHeads: 4, headSize: 128, feedForward: 768, experts: 128),
  ]

  /// Every number of the guide's table follows from the shapes.
  @Test func theTableOfTheGuideIsRight() throws {
    let guide = try String(
      contentsOf: Fixtures.repository.appendingPathComponent("docs/adapters.md"), encoding: .utf8)
    let rows = guide.split(separator: "\n").map { line in
      line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    let header = try #require(rows.first { $0.first == "Model" })
    let ranks = header.dropFirst().compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
    #expect(ranks == [8, 16, 32, 64])
    var found: Set<String> = []
    for row in rows {
      guard let name = row.first, let shape = Self.shapes[name] else { continue }
      found.insert(name)
      let expected = ranks.map { Self.megabytes(2 * $0 * shape.lengths) }
      #expect(Array(row.dropFirst()) == expected, "\(name)")
    }
    #expect(found == Set(Self.shapes.keys))
  }

  private static func megabytes(_ bytes: Int) -> String {
    let value = Double(bytes) / 1e6
    return String(format: value < 100 ? "%.1f MB" : "%.0f MB", value)
  }

  /// `lora` changes every matrix of the layers, at one rank, in F32.
  @Test(arguments: ["llama", "mistral", "qwen2"])
  func aLoadedAdapterTakesWhatItsShapesSay(base: String) throws {
    let manifest = try ConformanceManifest.load(base)
    let manager = LoRAManager(
      try Model.load(manifest.modelPath, options: ModelOptions(threads: 1)))
    let adapter = try LoRAAdapter.load(manifest.adapterPath("lora"))
    let rank = adapter.ranks.lowerBound
    try #require(adapter.ranks == rank...rank)
    #expect(adapter.byteCount == manager.byteCount(rank: rank, bytesPerNumber: 4))
    try manager.add(adapter)
    #expect(manager.residentByteCount == adapter.byteCount)
    #expect(manager.residency[0].sites == adapter.targets.count)
  }

  /// The shapes of the table are those of the files.
  @Test(.needsSmolLM2) func smolLM2HasTheShapesOfTheTable() throws {
    let manager = LoRAManager(
      try Model.load(TestModels.requireSmolLM2(), options: ModelOptions(threads: 1)))
    let shape = try #require(Self.shapes["SmolLM2 135M"])
    for rank in [8, 16, 32, 64] { #expect(manager.byteCount(rank: rank) == 2 * rank * shape.lengths) }
  }
}
