import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// One small model in every block format, against exact math over the quantized file (HF transformers in float32 with
/// the dequantized weights), and against what llama.cpp makes of the same files.
@Suite struct QuantizedFidelityTests {
  /// Sums in another order; the logits spread over about ±15.
  static let referenceTolerance = 1e-3
  /// Keys and values in half precision: 2⁻¹¹ relative.
  static let halvesTolerance = 2e-2
  /// The fast kernels round activations: their error must stay below llama.cpp's, measured on the same files.
  static let peerRatio = 1.0
  /// Single tokens are rounded less than batches: half of llama.cpp's error, with some room.
  static let singleTokenRatio = 0.6

  static let names = (try? QuantizationManifest.load().typeNames) ?? []

  @Test func coversTheFormats() throws {
    for name in ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q4_K_M", "Q6_K", "IQ4_NL", "IQ4_XS"] {
      #expect(Self.names.contains(name))
    }
  }

  /// The rms error over all positions of each case, `batch` tokens at a time (nil: all of a case).
  private func errors(_ name: String, _ table: KernelTable, batch: Int? = nil) throws -> [(
    id: String, rms: Double, maxAbs: Double
  )] {
    let manifest = try QuantizationManifest.load()
    let variant = try manifest.variant(name)
    let run = try DecoderRun(manifest.modelPath(variant), table)
    let adapter = try LoRA.Adapter.read(GGUFFile.open(manifest.adapterPath))
    return try variant.cases.map { item in
      let set = try run.bind(item.adapters.map { (adapter, $0.scale) })
      let rows = try run.logits(manifest.tokens(of: item), set, batch: batch)
      let expected = try manifest.logits(of: item)
      let found = item.positions.flatMap { rows[$0] }
      return (
        item.id, Logits.rmsDifference(expected.values, found), Logits.maxAbsDifference(expected.values, found)
      )
    }
  }

  @Test(arguments: names) func referenceModeIsExact(_ name: String) throws {
    for error in try errors(name, .reference) {
      #expect(error.maxAbs < Self.referenceTolerance, "\(error.id)")
    }
  }

  @Test(arguments: names) func portableKernelsRoundOnlyKeysAndValues(_ name: String) throws {
    for error in try errors(name, .portable) { #expect(error.maxAbs < Self.halvesTolerance, "\(error.id)") }
  }

  @Test(arguments: names) func fastModeIsCloserThanLlamaCpp(_ name: String) throws {
    let peer = try #require(try QuantizationManifest.peerErrors()[name])
    for table in DecoderRun.fastTables {
      for (work, batch, limit) in [("prefill", nil, Self.peerRatio), ("decode", 1, Self.singleTokenRatio)] {
        let found = try errors(name, table, batch: batch)
        #expect(found.count == 4)
        let ours = Self.overall(found.map(\.rms))
        let theirs = try Self.overall(found.map { try #require(peer[$0.id]).rms })
        print(
          "\(name), \(table.name), \(work): rms logit error \(ours), llama.cpp \(theirs), ratio \(ours / theirs)"
        )
        #expect(ours < limit * theirs, "\(table.name), \(work)")
      }
    }
  }

  /// The root mean square of several.
  private static func overall(_ errors: [Double]) -> Double {
    (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
  }
}
