import GGUF
import Kernels
import Testing
import Transformer

/// Keys that are missing, of another type, out of range, or that contradict each other.
@Suite struct HostileMetadataTests {
  private func invalid(_ key: String, _ expected: String, _ found: String) -> ModelError {
    HostileModelTests.invalid("llama." + key, expected, found)
  }

  @Test(arguments: [
    ("general.architecture", "string"), ("llama.context_length", "integer"),
    ("llama.embedding_length", "integer"),
    ("llama.block_count", "integer"), ("llama.feed_forward_length", "integer"),
    ("llama.attention.head_count", "integer"), ("llama.attention.layer_norm_rms_epsilon", "float"),
  ]) func aMissingKey(_ key: String, _ type: String) throws {
    var draft = try ModelDraft()
    draft[key] = nil
    #expect(throws: GGUFError.missingKey(file: ModelDraft.name, key: key, expected: type)) {
      try draft.decoder()
    }
  }

  @Test func anotherArchitecturesKeys() throws {
    var draft = try ModelDraft()
    draft["general.architecture"] = .string("qwen2")
    #expect(
      throws: GGUFError.missingKey(file: ModelDraft.name, key: "qwen2.context_length", expected: "integer")
    ) { try draft.decoder() }
  }

  private static let integers: [(key: String, range: ClosedRange<Int>)] = [
    ("context_length", 1...(1 << 28)), ("embedding_length", 1...(1 << 24)), ("block_count", 1...4096),
    ("feed_forward_length", 1...(1 << 24)), ("attention.head_count", 1...65536),
    ("attention.head_count_kv", 1...65536), ("attention.key_length", 1...4096),
    ("attention.value_length", 1...4096),
  ]

  @Test(arguments: integers) func numbersOutOfRange(_ item: (key: String, range: ClosedRange<Int>)) throws {
    let key = "llama." + item.key
    let expected = "\(item.range.lowerBound) to \(item.range.upperBound)"
    for found in [0, -1, Int.min, item.range.upperBound + 1, Int.max] {
      try expect(invalid(item.key, expected, "\(found)")) { $0[key] = .int64(Int64(found)) }
    }
    try expect(invalid(item.key, expected, "0")) { $0[key] = .uint32(0) }
    try expect(invalid(item.key, expected, "-7")) { $0[key] = .int8(-7) }
    try expect(invalid(item.key, expected, "\(UInt32.max)")) { $0[key] = .uint32(.max) }
    var draft = try ModelDraft()
    draft[key] = .uint64(.max)
    #expect(
      throws: GGUFError.valueOutOfRange(
        file: ModelDraft.name, key: key, expected: "at most \(Int.max)", found: "\(UInt64.max)")
    ) { try draft.decoder() }
  }

  /// A number of another kind is said to be one, whatever it is worth.
  @Test(arguments: integers.map(\.key)) func integersThatAreNone(_ name: String) throws {
    let key = "llama." + name
    let values: [MetadataValue] = [
      .float32(4), .float32(.nan), .float64(1e300), .float64(-.infinity), .bool(true), .string("4"),
      .array(.uint32([4, 4, 4])), .array(.int32([])), .array(.array([.uint8([4])])),
    ]
    for value in values {
      var draft = try ModelDraft()
      draft[key] = value
      #expect {
        try draft.decoder()
      } throws: { error in
        guard case GGUFError.wrongType(ModelDraft.name, key, "integer", _) = error else { return false }
        return true
      }
    }
  }

  @Test(arguments: [
    "attention.layer_norm_rms_epsilon", "rope.freq_base", "rope.scaling.factor", "rope.scale_linear",
    "rope.scaling.attn_factor",
  ]) func floatsThatAreNone(_ name: String) throws {
    for value in [MetadataValue.uint32(1), .int64(-1), .bool(false), .string("1e-5"), .array(.float32([1]))] {
      var draft = try ModelDraft()
      if name.hasSuffix("attn_factor") {
        draft["llama.rope.scaling.type"] = .string("yarn")
        draft["llama.rope.scaling.original_context_length"] = .uint32(64)
      }
      draft["llama." + name] = value
      #expect {
        try draft.decoder()
      } throws: { error in
        guard case GGUFError.wrongType(ModelDraft.name, "llama." + name, "float", _) = error else {
          return false
        }
        return true
      }
    }
  }

  @Test(arguments: [("nan", Float.nan), ("inf", .infinity), ("0.0", 0), ("-1e-05", -1e-5), ("1.0", 1)])
  func epsilons(_ found: String, _ value: Float) throws {
    let key = "attention.layer_norm_rms_epsilon"
    try expect(invalid(key, "a number between 0 and 1", found)) { $0["llama." + key] = .float32(value) }
  }

  @Test func headsThatDoNotDivide() throws {
    let heads = "llama.attention.head_count", groups = "llama.attention.head_count_kv"
    for count in [3, 5, 65] {
      try expect(invalid("attention.head_count", "a divisor of 64", "\(count)")) {
        $0[heads] = .uint32(UInt32(count))
        $0[groups] = nil
        $0["llama.rope.dimension_count"] = nil
      }
    }
    for count in [3, 8] {
      try expect(invalid("attention.head_count_kv", "a divisor of 4", "\(count)")) {
        $0[groups] = .uint32(UInt32(count))
      }
    }
    // Heads with a size of their own need not divide the embedding.
    try expect(HostileModelTests.wrongShape("blk.0.attn_q.weight", [64, 48], [64, 64])) {
      $0[heads] = .uint32(3)
      $0[groups] = .uint32(1)
      $0["llama.attention.key_length"] = .uint32(16)
      $0["llama.attention.value_length"] = .uint32(16)
    }
  }

  @Test func headsOfTwoSizes() throws {
    try expect(invalid("attention.value_length", "16", "32")) {
      $0["llama.attention.key_length"] = .uint32(16)
      $0["llama.attention.value_length"] = .uint32(32)
    }
    try expect(invalid("attention.value_length", "16", "8")) {
      $0["llama.attention.value_length"] = .uint32(8)
    }
  }

  // MARK: Rotation

  @Test(arguments: ["dynamic", "llama3", "YARN", ""]) func ropeScalings(_ name: String) throws {
    try expect(.unsupportedRopeScaling(file: ModelDraft.name, name: name)) {
      $0["llama.rope.scaling.type"] = .string(name)
      $0["llama.rope.scaling.factor"] = .float32(2)
    }
  }

  @Test func ropeNumbers() throws {
    for count in [0, -2, 7, 18, 1 << 20] {
      let key = "rope.dimension_count"
      try expect(invalid(key, "an even number up to 16", "\(count)")) {
        $0["llama." + key] = .int32(Int32(count))
      }
    }
    for (text, value) in [
      ("nan", Float.nan), ("inf", .infinity), ("1.0", 1), ("0.0", 0), ("-10000.0", -10000),
    ] {
      let key = "rope.freq_base"
      try expect(invalid(key, "a number above 1", text)) { $0["llama." + key] = .float32(value) }
    }
    for (text, value) in [("nan", Float.nan), ("inf", .infinity), ("-2.0", -2)] {
      for key in ["rope.scaling.factor", "rope.scale_linear"] {
        try expect(invalid("rope.scaling.factor", "a positive number", text)) {
          $0["llama." + key] = .float32(value)
        }
      }
    }
  }

  @Test func yarnNumbers() throws {
    func yarn(_ draft: inout ModelDraft, _ key: String, _ value: MetadataValue?) {
      draft["llama.rope.scaling.type"] = .string("yarn")
      draft["llama.rope.scaling.factor"] = .float32(4)
      draft["llama.rope.scaling.original_context_length"] = .uint32(128)
      draft["llama." + key] = value
    }
    let context = "rope.scaling.original_context_length", attention = "rope.scaling.attn_factor"
    for value in [0, -1, Int64.min] {
      try expect(invalid(context, "a positive number", "\(value)")) { yarn(&$0, context, .int64(value)) }
    }
    for (text, value) in [("nan", Float.nan), ("inf", .infinity), ("0.0", 0), ("-1.0", -1)] {
      try expect(invalid(attention, "a positive number", text)) { yarn(&$0, attention, .float32(value)) }
    }
    var draft = try ModelDraft()
    yarn(&draft, context, nil)
    #expect(throws: GGUFError.missingKey(file: ModelDraft.name, key: "llama." + context, expected: "integer"))
    {
      try draft.decoder()
    }
  }

  @Test func ropeFactors() throws {
    let name = "rope_freqs.weight"
    for (text, value) in [("0.0", Float(0)), ("-1.0", -1), ("nan", .nan), ("inf", .infinity)] {
      try expect(HostileModelTests.invalid(name, "positive numbers", text)) {
        $0.put(ModelDraft.Tensor(name, [1, 1, 1, value, 1, 1, 1, 1]))
      }
    }
    try expect(HostileModelTests.wrongShape(name, [8], [4])) {
      $0.put(ModelDraft.Tensor(name, [1, 1, 1, 1] as [Float]))
    }
    try expect(HostileModelTests.wrongShape(name, [8], [16])) {
      $0.put(ModelDraft.Tensor(name, [16] as [Int]))
    }
  }
}
