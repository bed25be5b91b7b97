import Foundation
import GGUF
import Kernels
import TestSupport
import Testing
import Transformer

/// Angles against the papers' formulas in Double, read from a file's keys as a user's model has them.
@Suite struct RotaryEmbeddingTests {
  private static let positions = [0, 1, 2, 17, 100, 511]
  /// A frequency is a float, 2⁻²⁴ off, and so is its product with a position: together 6e-5 at 511.
  private static let tolerance = 2e-4

  private func rotary(factors: [Float]? = nil, _ keys: [String: MetadataValue]) throws -> RotaryEmbedding {
    var draft = try ModelDraft()
    for (key, value) in keys { draft["llama.rope." + key] = value }
    return RotaryEmbedding(try draft.decoder().hyperparameters.rope, factors: factors)
  }

  /// Compares cosines and sines with those of `frequencies`, times `magnitude`.
  private func check(
    _ rotary: RotaryEmbedding, _ frequencies: [Double], magnitude: Double = 1,
    _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(rotary.dimensions == 2 * frequencies.count, sourceLocation: location)
    let angles = Matrix(rows: 1, columns: rotary.dimensions)
    for position in Self.positions {
      rotary.fill(angles, row: 0, position: position)
      for (i, frequency) in frequencies.enumerated() {
        let angle = Double(position) * frequency
        let tolerance = Self.tolerance * magnitude
        #expect(abs(Double(angles[0, i]) - magnitude * cos(angle)) < tolerance, sourceLocation: location)
        #expect(
          abs(Double(angles[0, frequencies.count + i]) - magnitude * sin(angle)) < tolerance,
          sourceLocation: location)
      }
    }
  }

  /// Su et al. 2021, section 3.2.2: θᵢ = base^(−2i/d).
  private func plain(_ base: Double, _ dimensions: Int = 16) -> [Double] {
    (0..<dimensions / 2).map { pow(base, -2 * Double($0) / Double(dimensions)) }
  }

  @Test func frequenciesFallGeometrically() throws {
    check(try rotary(["freq_base": .float32(10000)]), plain(10000))
    check(try rotary(["freq_base": .float64(500000)]), plain(500000))
    var draft = try ModelDraft()
    draft["llama.rope.freq_base"] = nil
    draft["llama.rope.dimension_count"] = nil
    check(RotaryEmbedding(try draft.decoder().hyperparameters.rope, factors: nil), plain(10000))
  }

  @Test(arguments: [2, 4, 6, 10, 16]) func partialDimensions(_ count: Int) throws {
    let rotary = try rotary(["dimension_count": .uint32(UInt32(count)), "freq_base": .float32(10000)])
    check(rotary, plain(10000, count))
  }

  /// Chen et al. 2023: positions are divided by the factor.
  @Test(arguments: [Float(2), 4, 0.5, 3.7]) func linearScaling(_ factor: Float) throws {
    let expected = plain(10000).map { $0 / Double(factor) }
    let base = MetadataValue.float32(10000)
    check(
      try rotary(["freq_base": base, "scaling.type": .string("linear"), "scaling.factor": .float32(factor)]),
      expected)
    // Older files say it without a type, or with an older key.
    check(try rotary(["freq_base": base, "scaling.factor": .float32(factor)]), expected)
    check(try rotary(["freq_base": base, "scale_linear": .float32(factor)]), expected)
    check(
      try rotary(["freq_base": base, "scaling.type": .string("none"), "scaling.factor": .float32(factor)]),
      plain(10000))
  }

  @Test(arguments: [Float(0), 1]) func factorsThatScaleNothing(_ factor: Float) throws {
    let rotary = try rotary([
      "freq_base": .float32(10000), "scaling.type": .string("linear"), "scaling.factor": .float32(factor),
    ])
    check(rotary, plain(10000))
  }

  /// Peng et al. 2023, section 3.2 and appendix A: pairs that turn more than β = 32 times within the original context
  /// keep their frequency, those that turn less than α = 1 are divided by s, and a ramp leads from one to the other. As in
  /// the authors' code the ramp runs over pair numbers, its ends rounded outwards: the pair of r turns is
  /// d ln(L / 2πr) / (2 ln base). Magnitude: 0.1 ln s + 1.
  private func yarn(
    _ s: Double, _ context: Double, _ base: Double, _ d: Double, fast: Double = 32, slow: Double = 1
  ) -> [Double] {
    func pair(_ turns: Double) -> Double { d * log(context / (turns * 2 * .pi)) / (2 * log(base)) }
    let low = max(floor(pair(fast)), 0), high = min(ceil(pair(slow)), d - 1)
    return plain(base, Int(d)).enumerated().map { index, frequency in
      let ramp = min(1, max(0, (Double(index) - low) / max(0.001, high - low)))
      return frequency * (1 - ramp) + frequency / s * ramp
    }
  }

  @Test(arguments: [(4.0, 64), (4, 256), (8, 2048), (16, 8192), (2, 1 << 20), (32, 8)])
  func yarn(_ factor: Double, _ context: Int) throws {
    for base in [10000.0, 500000] {
      for dimensions in [16, 8] {
        var keys: [String: MetadataValue] = [
          "freq_base": .float32(Float(base)), "dimension_count": .uint32(UInt32(dimensions)),
          "scaling.type": .string("yarn"), "scaling.factor": .float32(Float(factor)),
          "scaling.original_context_length": .uint32(UInt32(context)),
        ]
        let expected = yarn(factor, Double(context), base, Double(dimensions))
        check(try rotary(keys), expected, magnitude: 0.1 * log(factor) + 1)
        keys["scaling.attn_factor"] = .float32(0.75)
        check(try rotary(keys), expected, magnitude: 0.75 * (0.1 * log(factor) + 1))
        keys["scaling.yarn_beta_fast"] = .float32(16)
        keys["scaling.yarn_beta_slow"] = .float32(2)
        let turns = yarn(factor, Double(context), base, Double(dimensions), fast: 16, slow: 2)
        check(try rotary(keys), turns, magnitude: 0.75 * (0.1 * log(factor) + 1))
        keys["scaling.yarn_ext_factor"] = .float32(0)
        #expect(throws: ModelError.self) { _ = try rotary(keys) }
      }
    }
    // All three regions must be seen, or the formula is not tested.
    let whole = yarn(8, 2048, 10000, 16), none = plain(10000)
    #expect(whole[0] == none[0] && whole[7] == none[7] / 8)
    #expect(whole.indices.contains { whole[$0] < none[$0] * 0.99 && whole[$0] > none[$0] / 8 * 1.01 })
  }

  /// Llama 3: each frequency is divided by the file's factor.
  @Test func frequencyFactors() throws {
    let factors: [Float] = [1, 1, 1.5, 2.25, 4, 8, 8, 32]
    let expected = zip(plain(10000), factors).map { $0 / Double($1) }
    check(try rotary(factors: factors, ["freq_base": .float32(10000)]), expected)
    check(
      try rotary(factors: factors, ["freq_base": .float32(10000), "scaling.factor": .float32(2)]),
      expected.map { $0 / 2 })
  }

  /// The factors are taken from the file.
  @Test func theModelUsesItsFactors() throws {
    func logits(_ draft: ModelDraft) throws -> [Float] {
      let decoder = try draft.decoder()
      let state = DecoderState(decoder, maximumTokens: 6, maximumLogits: 1)
      var batch = Batch()
      try batch.append(
        [1, 2, 3, 4, 5, 6], to: decoder.makeSequence(capacity: 6), adapters: nil, logits: .last)
      try decoder.forward(batch, state)
      return state.logits.values(row: 0)
    }
    let plain = try ModelDraft()
    var ones = plain, others = plain
    ones.put(ModelDraft.Tensor("rope_freqs.weight", [Float](repeating: 1, count: 8)))
    others.put(ModelDraft.Tensor("rope_freqs.weight", [1, 1, 2, 4, 8, 8, 8, 8] as [Float]))
    #expect(try logits(ones) == logits(plain))
    #expect(try Logits.maxAbsDifference(logits(others), logits(plain)) > 0.01)
  }

  /// A rotation of every head by the row's angles: neighbours (2i, 2i + 1) or halves (i, i + n/2); the rest stays.
  @Test(arguments: [true, false], [16, 6]) func pairs(_ interleaved: Bool, _ dimensions: Int) throws {
    let heads = 3, size = 16, rows = 4, first = 100
    let rotary = try rotary(["dimension_count": .uint32(UInt32(dimensions)), "freq_base": .float32(10000)])
    let frequencies = plain(10000, dimensions)
    var random = SplitMix64(seed: 3)
    let values = random.normals(rows * heads * size)
    let matrix = Matrix(rows: rows, columns: heads * size, values)
    let angles = Matrix(rows: rows, columns: rotary.dimensions)
    let workspace = Workspace(
      compute: Compute(table: .reference, threads: 1), tokens: rows, columns: heads * size, heads: heads,
      headSize: size)
    for row in 0..<rows { rotary.fill(angles, row: row, position: first + row) }
    for row in 0..<rows {
      workspace.rotate(
        matrix, row: row, heads: heads, headSize: size, angles: angles, interleaved: interleaved)
    }
    for row in 0..<rows {
      for head in 0..<heads {
        let x = (0..<size).map { Double(values[(row * heads + head) * size + $0]) }
        var expected = x
        for (i, frequency) in frequencies.enumerated() {
          let angle = Double(first + row) * frequency
          let (a, b) = interleaved ? (2 * i, 2 * i + 1) : (i, i + dimensions / 2)
          expected[a] = x[a] * cos(angle) - x[b] * sin(angle)
          expected[b] = x[a] * sin(angle) + x[b] * cos(angle)
        }
        for i in 0..<size {
          #expect(abs(Double(matrix[row, head * size + i]) - expected[i]) < (i < dimensions ? 1e-4 : 1e-9))
        }
      }
    }
  }
}
