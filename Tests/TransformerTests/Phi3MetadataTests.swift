import GGUF
import Kernels
import Testing
import Transformer

/// What a phi3 file can say wrongly about its factors, window and fused matrices.
@Suite struct Phi3MetadataTests {
  private func expect(
    _ error: ModelError, _ location: SourceLocation = #_sourceLocation,
    _ change: (inout ModelDraft) throws -> Void
  ) throws {
    var draft = try ModelDraft("phi3_longrope")
    try change(&draft)
    #expect(throws: error, sourceLocation: location) { try draft.decoder() }
  }

  private func invalid(_ key: String, _ expected: String, _ found: String) -> ModelError {
    .invalidHyperparameter(file: ModelDraft.name, key: key, expected: expected, found: found)
  }

  @Test(arguments: ["rope_factors_long.weight", "rope_factors_short.weight"])
  func factors(_ name: String) throws {
    try expect(.missingTensor(file: ModelDraft.name, tensor: name)) { $0.remove(name) }
    try expect(.wrongShape(file: ModelDraft.name, tensor: name, expected: [6], found: [8])) {
      $0.put(ModelDraft.Tensor(name, [Float](repeating: 1, count: 8)))
    }
    for (text, value) in [("nan", Float.nan), ("inf", .infinity), ("0.0", 0), ("-1.0", -1)] {
      try expect(invalid(name, "positive numbers", text)) {
        $0.put(ModelDraft.Tensor(name, [1, 1, value, 1, 1, 1]))
      }
    }
  }

  @Test func aNameWithoutFactors() throws {
    try expect(.missingTensor(file: ModelDraft.name, tensor: "rope_factors_short.weight")) {
      $0["phi3.rope.scaling.type"] = .string("longrope")
      $0.remove("rope_factors_long.weight")
      $0.remove("rope_factors_short.weight")
    }
  }

  /// Factors of each pair and another scaling besides: nobody says what that is.
  @Test func twoScalings() throws {
    for (name, factor) in [("yarn", Float(1)), ("linear", 4), ("longrope", 4), (nil, 2)] as [(String?, Float)]
    {
      #expect {
        var draft = try ModelDraft("phi3_longrope")
        draft["phi3.rope.scaling.type"] = name.map { .string($0) }
        draft["phi3.rope.scaling.factor"] = .float32(factor)
        _ = try draft.decoder()
      } throws: { error in
        if case ModelError.unsupportedRopeScaling = error { true } else { false }
      }
    }
    var draft = try ModelDraft("phi3_longrope")
    draft["phi3.rope.scaling.type"] = .string("longrope")
    draft["phi3.rope.scaling.factor"] = .float32(1)
    #expect(try draft.decoder().originalContext == 4096)
    // The model's own length where the original one is not named.
    draft["phi3.rope.scaling.original_context_length"] = nil
    #expect(try draft.decoder().originalContext == 131072)
  }

  @Test func numbers() throws {
    let original = "phi3.rope.scaling.original_context_length", factor = "phi3.rope.scaling.attn_factor"
    for found in [0, -1] {
      try expect(invalid(original, "a positive number", "\(found)")) { $0[original] = .int32(Int32(found)) }
    }
    for (text, value) in [("nan", Float.nan), ("inf", .infinity), ("0.0", 0), ("-2.0", -2)] {
      try expect(invalid(factor, "a positive number", text)) { $0[factor] = .float32(value) }
    }
    let window = "phi3.attention.sliding_window"
    for found in [-1, Int(UInt32.max), Int.max] {
      try expect(invalid(window, "0 to \(1 << 28)", "\(found)")) { $0[window] = .int64(Int64(found)) }
    }
    for (value, expected) in [(nil, nil), (.uint32(0), nil), (.uint32(7), 7)] as [(MetadataValue?, Int?)] {
      var draft = try ModelDraft("phi3_longrope")
      draft[window] = value
      #expect(try draft.decoder().hyperparameters.window == expected)
    }
  }

  /// Only phi3 has a window in every layer.
  @Test func otherArchitecturesHaveNoWindow() throws {
    var draft = try ModelDraft()
    draft["llama.attention.sliding_window"] = .uint32(5)
    #expect(try draft.decoder().hyperparameters.window == nil)
  }

  @Test func fusedMatrices() throws {
    for (name, expected, found) in [
      ("blk.1.attn_qkv.weight", [64, 128], [64, 64]), ("blk.2.ffn_up.weight", [64, 256], [64, 128]),
    ] {
      try expect(.wrongShape(file: ModelDraft.name, tensor: name, expected: expected, found: found)) {
        $0.put(ModelDraft.Tensor(name, found))
      }
      try expect(.missingTensor(file: ModelDraft.name, tensor: name)) { $0.remove(name) }
    }
  }
}
