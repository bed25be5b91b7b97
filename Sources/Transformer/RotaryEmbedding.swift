import GGUF
import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The angles by which queries and keys are rotated for a position.
///
/// Source: Su et al. 2021 (RoPE); linear interpolation: Chen et al. 2023; YaRN: Peng et al. 2023; LongRoPE: Ding et al. 2024; llama3:
/// the file's `rope_freqs.weight` divides each frequency.
package struct RotaryEmbedding: Sendable {
  package enum Scaling: Sendable, Equatable {
    case none
    case linear(factor: Float)
    /// Each pair has a factor, one for sequences up to the original context and one for longer ones.
    case longRope(originalContext: Int, attentionFactor: Float)
    /// `fastTurns` and `slowTurns`: pairs that turn more often than `fastTurns` within the original context keep their
    /// frequency, those that turn less than `slowTurns` are interpolated (β and α of the paper).
    case yarn(factor: Float, originalContext: Int, attentionFactor: Float, fastTurns: Float, slowTurns: Float)
  }

  package struct Parameters: Sendable {
    /// Leading values of each head that are rotated; even.
    package let dimensions: Int
    package let base: Float
    package let scaling: Scaling
  }

  /// Angle of pair `i` at position 1.
  private let frequencies: [Float]
  /// Multiplies cosines and sines (the attention factor of YaRN and LongRoPE).
  private let magnitude: Float

  package var dimensions: Int { frequencies.count * 2 }

  /// `factors`: one divisor for each pair (llama3, LongRoPE), or nil.
  package init(_ parameters: Parameters, factors: [Float]?) {
    let pairs = parameters.dimensions / 2
    var frequencies = (0..<pairs).map { i in
      powf(parameters.base, -2 * Float(i) / Float(parameters.dimensions)) / (factors?[i] ?? 1)
    }
    var magnitude: Float = 1
    switch parameters.scaling {
    case .none: break
    case .longRope(_, let attentionFactor): magnitude = attentionFactor
    case .linear(let factor):
      for i in frequencies.indices { frequencies[i] /= factor }
    case .yarn(let factor, let originalContext, let attentionFactor, let fastTurns, let slowTurns):
      let range = Self.yarnRange(parameters, originalContext, fastTurns, slowTurns)
      for i in frequencies.indices {
        let position = (Float(i) - range.low) / max(0.001, range.high - range.low)
        let extrapolated = 1 - min(1, max(0, position))
        frequencies[i] = frequencies[i] / factor * (1 - extrapolated) + frequencies[i] * extrapolated
      }
      magnitude = attentionFactor * (factor > 1 ? 1 + 0.1 * logf(factor) : 1)
    }
    self.frequencies = frequencies
    self.magnitude = magnitude
  }

  /// The pairs between which YaRN goes over from extrapolation to interpolation: those that turn `fastTurns` and
  /// `slowTurns` times within the original context.
  private static func yarnRange(
    _ parameters: Parameters, _ originalContext: Int, _ fastTurns: Float, _ slowTurns: Float
  ) -> (low: Float, high: Float) {
    func pair(turns: Float) -> Float {
      Float(parameters.dimensions) * logf(Float(originalContext) / (turns * 2 * Float.pi))
        / (2 * logf(parameters.base))
    }
    return (
      max(0, pair(turns: fastTurns).rounded(.down)),
      min(Float(parameters.dimensions - 1), pair(turns: slowTurns).rounded(.up))
    )
  }

  /// Writes cosines, then sines, of a position's pairs into a row of `[rows][dimensions]`.
  package func fill(_ angles: Matrix, row: Int, position: Int) {
    angles.withRow(row) { line in
      let pairs = frequencies.count
      for i in 0..<pairs {
        let angle = Float(position) * frequencies[i]
        line[i] = cosf(angle) * magnitude
        line[pairs + i] = sinf(angle) * magnitude
      }
    }
  }
}

extension RotaryEmbedding.Parameters {
  /// `contextLength`: the model's, which is the original one where the file names none.
  init(_ file: GGUFFile, architecture: String, headSize: Int, contextLength: Int) throws {
    let metadata = file.metadata
    func invalid(_ key: String, _ expected: String, _ found: String) -> ModelError {
      .invalidHyperparameter(file: file.path, key: "\(architecture).\(key)", expected: expected, found: found)
    }
    dimensions = try metadata.int("\(architecture).rope.dimension_count") ?? headSize
    guard dimensions > 0, dimensions % 2 == 0, dimensions <= headSize else {
      throw invalid("rope.dimension_count", "an even number up to \(headSize)", "\(dimensions)")
    }
    base = try metadata.float("\(architecture).rope.freq_base") ?? 10000
    guard base > 1, base.isFinite else { throw invalid("rope.freq_base", "a number above 1", "\(base)") }

    let name = try metadata.string("\(architecture).rope.scaling.type")
    let factor =
      try metadata.float("\(architecture).rope.scaling.factor")
      ?? metadata.float("\(architecture).rope.scale_linear") ?? 0
    guard factor.isFinite, factor >= 0 else {
      throw invalid("rope.scaling.factor", "a positive number", "\(factor)")
    }
    func positive(_ key: String, default value: Float) throws -> Float {
      let found = try metadata.float("\(architecture).\(key)") ?? value
      guard found.isFinite, found > 0 else { throw invalid(key, "a positive number", "\(found)") }
      return found
    }
    func originalContext(default value: Int?) throws -> Int {
      let key = "\(architecture).rope.scaling.original_context_length"
      let original: Int
      if let value {
        original = try metadata.int(key) ?? value
      } else {
        original = try metadata.requiredInt(key)
      }
      guard original > 0 else {
        throw invalid("rope.scaling.original_context_length", "a positive number", "\(original)")
      }
      return original
    }
    // Files have the tensors, and not always the name.
    let hasFactors = ["long", "short"].contains { file.tensor("rope_factors_\($0).weight") != nil }
    if name == "longrope" || hasFactors {
      guard name == nil || name == "longrope", factor == 0 || factor == 1 else {
        throw ModelError.unsupportedRopeScaling(
          file: file.path, name: "\(name ?? "longrope") with rope_factors and a factor of \(factor)")
      }
      scaling = .longRope(
        originalContext: try originalContext(default: contextLength),
        attentionFactor: try positive("rope.scaling.attn_factor", default: 1))
      return
    }
    switch name {
    case "none": scaling = .none
    case nil, "linear": scaling = factor == 0 || factor == 1 ? .none : .linear(factor: factor)
    case "yarn":
      let original = try originalContext(default: nil)
      let extrapolation = try positive("rope.scaling.yarn_ext_factor", default: 1)
      guard extrapolation == 1 else {
        throw ModelError.unsupportedRopeScaling(
          file: file.path, name: "yarn with an extrapolation factor of \(extrapolation)")
      }
      scaling = .yarn(
        factor: factor == 0 ? 1 : factor, originalContext: original,
        attentionFactor: try positive("rope.scaling.attn_factor", default: 1),
        fastTurns: try positive("rope.scaling.yarn_beta_fast", default: 32),
        slowTurns: try positive("rope.scaling.yarn_beta_slow", default: 1))
    case .some(let other): throw ModelError.unsupportedRopeScaling(file: file.path, name: other)
    }
  }
}
