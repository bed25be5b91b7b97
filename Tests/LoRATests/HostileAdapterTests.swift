import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// Adapters that are damaged, lie, or were made for another model: each is refused for the right reason, and the model is
/// as it was.
@Suite struct HostileAdapterTests {
  static let name = "bad.gguf"
  static let q = "blk.0.attn_q.weight"

  /// An adapter for every site of the tiny llama model: 64 wide, 320 tokens, 4 × 16 query and 2 × 16 key values.
  static func valid() throws -> GGUFDraft { try DecoderRun(.llama, .reference).adapter(alpha: 8) }

  static func read(_ edit: (inout GGUFDraft) -> Void) throws -> LoRA.Adapter {
    var draft = try valid()
    edit(&draft)
    return try draft.adapter(name)
  }

  /// What reading throws.
  private func expectUnreadable(
    _ error: AdapterError, _ location: SourceLocation = #_sourceLocation, _ edit: (inout GGUFDraft) -> Void
  ) {
    #expect(throws: error, sourceLocation: location) { try Self.read(edit) }
  }

  /// What binding throws; afterwards the model's logits are what they were.
  func expectUnbindable(
    _ error: AdapterError, scale: Float = 1, _ location: SourceLocation = #_sourceLocation,
    _ edit: (inout GGUFDraft) -> Void
  ) throws {
    let tokens = TinyModel.tokens(6)
    let adapter = try Self.read(edit)
    for table in DecoderRun.tables {
      let run = try DecoderRun(.llama, table)
      let base = try run.logits(tokens)
      let good = try Self.valid().adapter()
      #expect(throws: error, sourceLocation: location) { try run.bind([(adapter, scale)]) }
      // Beside a good one, before or after it, nothing is half applied.
      #expect(throws: error, sourceLocation: location) { try run.bind([(good, 1), (adapter, scale)]) }
      #expect(throws: error, sourceLocation: location) { try run.bind([(adapter, scale), (good, 1)]) }
      #expect(try run.logits(tokens) == base, sourceLocation: location)
    }
  }

  /// Replaces the pair at the query by one of other shapes.
  static func pair(_ draft: inout GGUFDraft, _ target: String = q, a: [Int], b: [Int]) {
    for (half, dimensions) in [(".lora_a", a), (".lora_b", b)] {
      let values = [Float](repeating: 0.01, count: dimensions.reduce(1, *))
      draft.put(GGUFDraft.Tensor(target + half, dimensions, values))
    }
  }

  @Test func theUnchangedAdapterIsAccepted() throws {
    let adapter = try Self.read { _ in }
    let run = try DecoderRun(.llama, .reference)
    #expect(AdapterBinding.problems(adapter, run.decoder).isEmpty)
    #expect(try run.bind([(adapter, 1)]) != nil)
  }

  // MARK: Keys

  @Test func otherFiles() {
    func notAnAdapter(_ key: String, _ expected: String, _ found: String) -> AdapterError {
      .notAnAdapter(file: Self.name, key: key, expected: expected, found: found)
    }
    expectUnreadable(notAnAdapter("general.type", "adapter", "model")) {
      $0["general.type"] = .string("model")
    }
    expectUnreadable(notAnAdapter("general.type", "adapter", "nothing")) { $0["general.type"] = nil }
    expectUnreadable(notAnAdapter("adapter.type", "lora", "control_vector")) {
      $0["adapter.type"] = .string("control_vector")
    }
    expectUnreadable(notAnAdapter("adapter.type", "lora", "nothing")) { $0["adapter.type"] = nil }
    #expect(throws: notAnAdapter("general.type", "adapter", "model")) {
      try LoRA.Adapter.read(TinyModel.llama.draft().file(Self.name))
    }
  }

  @Test func keysOfAnotherType() {
    for key in [
      "general.type", "adapter.type", "general.architecture", "general.name", "adapter.lora.task_name",
    ] {
      #expect(throws: GGUFError.wrongType(file: Self.name, key: key, expected: "string", found: "uint32")) {
        try Self.read { $0[key] = .uint32(7) }
      }
    }
    #expect(
      throws: GGUFError.wrongType(
        file: Self.name, key: "adapter.lora.alpha", expected: "float", found: "string")
    ) { try Self.read { $0["adapter.lora.alpha"] = .string("8") } }
    #expect(
      throws: GGUFError.missingKey(file: Self.name, key: "general.architecture", expected: "string")
    ) { try Self.read { $0["general.architecture"] = nil } }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity, .signalingNaN]) func anAlphaThatIsNoNumber(
    _ alpha: Float
  ) {
    expectUnreadable(.notFinite(file: Self.name, what: "adapter.lora.alpha")) {
      $0["adapter.lora.alpha"] = .float32(alpha)
    }
  }

  @Test func invocationTokens() throws {
    let key = "adapter.alora.invocation_tokens"
    for (value, found) in [
      (MetadataValue.array(.uint32([])), "an empty one"), (.string("?"), "string"),
      (.array(.int32([1])), "array of int32"),
      (.array(.uint32([1, 1 << 31])), "one with ids beyond 2147483647"),
    ] {
      expectUnreadable(
        .invalidSetting(
          file: Self.name, key: key, expected: "an array of uint32 token ids, not empty", found: found)
      ) { $0[key] = value }
    }
    #expect(try Self.read { $0[key] = .array(.uint32([7, 8])) }.invocationTokens == [7, 8])
    #expect(try Self.read { _ in }.invocationTokens == nil)
  }

  // MARK: Tensors

  @Test func unexpectedTensors() {
    for tensor in [
      "blk.0.attn_q.weight", "blk.0.attn_q.bias", "blk.0.attn_norm.bias", "blk.0.attn_q.weight.lora_c",
      "blk.0.attn_q.weight.lora_A", "lora_a", "日本語", "blk.0.attn_q.replacement",
    ] {
      expectUnreadable(.unexpectedTensor(file: Self.name, tensor: tensor)) {
        $0.put(GGUFDraft.Tensor(tensor, [4], [1, 2, 3, 4]))
      }
    }
  }

  @Test func noTensors() { expectUnreadable(.noTensors(file: Self.name)) { $0.tensors = [] } }

  @Test(arguments: ["lora_a", "lora_b"]) func aMissingHalf(_ half: String) throws {
    for tensor in try Self.valid().tensors where tensor.name.hasSuffix(half) {
      let base = String(tensor.name.dropLast(7))
      expectUnreadable(.missingHalf(file: Self.name, tensor: base, half: tensor.name)) {
        $0.tensors.removeAll { $0.name == tensor.name }
      }
    }
  }

  @Test func factorsThatDoNotFitTogether() {
    for (a, b) in [
      ([64, 4], [5, 64]), ([64, 4], [4, 64, 1]), ([64, 4], [4]), ([64], [4, 64]), ([64, 4], [4, 64, 2]),
      ([64, 4, 2], [4, 64, 3]), ([64, 4, 2], [5, 64, 2]), ([4, 64, 2], [4, 64, 2]),
      ([64, 4, 2, 2], [4, 64, 2, 2]),
    ] {
      expectUnreadable(.rankMismatch(file: Self.name, tensor: Self.q, a: a, b: b)) {
        Self.pair(&$0, a: a, b: b)
      }
    }
  }

  @Test func factorTypes() throws {
    let file = try DecoderRun(.quantized[0], .reference)
    var draft = file.adapter { _ in 32 }
    let index = try #require(draft.index(of: "blk.0.ffn_up.weight.lora_a"))
    let dimensions = draft.tensors[index].dimensions
    let elements = dimensions[0] * dimensions[1]
    for type in TensorType.allCases where ![.f32, .f16, .bf16, .q8_0].contains(type) {
      draft.tensors[index].type = type
      draft.tensors[index].bytes = [UInt8](
        repeating: 0, count: elements / type.block.weights * type.block.bytes)
      #expect(
        throws: AdapterError.unsupportedFactorType(
          file: Self.name, tensor: "blk.0.ffn_up.weight.lora_a", type: type.name)
      ) { try draft.adapter(Self.name) }
    }
  }

  /// One bad number among many, first, last or between, in either half, in every format a factor can have.
  @Test(arguments: [TensorType.f32, .f16, .bf16, .q8_0]) func numbersThatAreNone(_ type: TensorType) throws {
    let run = try DecoderRun(.llama, .reference)
    let draft = run.adapter { _ in 32 }.converted(to: type)
    #expect(try draft.adapter().pairs.count == run.decoder.adaptable.count)
    // The bytes of NaN, signalling NaN and both infinities; in Q8_0 it is a block's scale, a half.
    let halves: [UInt16] = [0x7E00, 0xFC01, 0x7C00, 0xFC00]
    let patterns: [[UInt8]] =
      switch type {
      case .f32:
        [Float.nan, .signalingNaN, .infinity, -.infinity].map { float in
          withUnsafeBytes(of: float.bitPattern.littleEndian) { Array($0) }
        }
      case .bf16:
        [0x7FC0, 0xFF81, 0x7F80, 0xFF80].map { (word: UInt16) in [UInt8(word & 255), UInt8(word >> 8)] }
      default: halves.map { [UInt8($0 & 255), UInt8($0 >> 8)] }
      }
    for pattern in patterns {
      for tensor in [0, 1, 2, draft.tensors.count - 1] {
        let size = type.block.bytes
        let blocks = draft.tensors[tensor].bytes.count / size
        for block in [0, 1, blocks / 2 + 3, blocks - 1] {
          var bad = draft
          bad.tensors[tensor].bytes.replaceSubrange(
            block * size..<block * size + pattern.count, with: pattern)
          #expect(
            throws: AdapterError.notFinite(
              file: Self.name, what: "a value in '\(draft.tensors[tensor].name)'")
          ) { try bad.adapter(Self.name) }
        }
      }
    }
  }

  /// Large numbers that are finite are the adapter's own affair, and only the adapted rows'.
  @Test(arguments: DecoderRun.tables) func hugeFactorsDoNotReachOtherRows(_ table: KernelTable) throws {
    let run = try DecoderRun(.llama, table)
    let adapter = try Self.read { draft in
      for index in draft.tensors.indices {
        let count = draft.tensors[index].values.count
        draft.tensors[index] = .init(
          draft.tensors[index].name, draft.tensors[index].dimensions, .init(repeating: 3e38, count: count))
      }
    }
    let set = try run.bind([(adapter, 1)])
    let tokens = TinyModel.tokens(5).map { Int32($0) }
    func base(_ adapters: AdapterSet?) throws -> [[Float]] {
      let state = DecoderState(run.decoder, maximumTokens: 15, maximumLogits: 15)
      var batch = Batch()
      for set in [nil, adapters, nil] {
        try batch.append(tokens, to: run.decoder.makeSequence(capacity: 5), adapters: set, logits: .all)
      }
      try run.decoder.forward(batch, state)
      return [0, 1, 2, 3, 4, 10, 11, 12, 13, 14].map { state.logits.values(row: $0) }
    }
    #expect(try base(set) == base(nil))
  }

  /// Replaces the first occurrence of some bytes by as many others.
  private static func replace(_ old: [UInt8], with new: some Collection<UInt8>, in bytes: inout [UInt8])
    throws
  {
    let at = try #require(bytes.indices.first { bytes[$0...].starts(with: old) })
    bytes.replaceSubrange(at..<at + old.count, with: new)
  }

  @Test func damagedFiles() throws {
    var draft = try Self.valid()
    // The same length, so that only the name must be changed in the bytes.
    draft.tensors[1].name = String(repeating: "x", count: draft.tensors[0].name.utf8.count)
    var bytes = try draft.bytes()
    let wrong = Array(draft.tensors[1].name.utf8)
    try Self.replace(wrong, with: Array(draft.tensors[0].name.utf8), in: &bytes)
    #expect(throws: GGUFError.duplicateTensor(file: Self.name, tensor: draft.tensors[0].name)) {
      try LoRA.Adapter.read(GGUFFile(bytes: bytes, name: Self.name))
    }
    #expect(throws: GGUFError.duplicateKey(file: Self.name, key: "adapter.lora.alpha")) {
      var twice = try Self.valid()
      twice.metadata.append(("adapter.lora.alphb", .float32(1)))
      var bytes = try twice.bytes()
      try Self.replace(Array("adapter.lora.alphb".utf8), with: Array("adapter.lora.alpha".utf8), in: &bytes)
      _ = try LoRA.Adapter.read(GGUFFile(bytes: bytes, name: Self.name))
    }
  }

  /// A dimension of 0, as a rank of 0 would have it.
  @Test func aRankOfZero() throws {
    var draft = try Self.valid()
    draft.tensors[0].dimensions = [64, 7919]
    draft.tensors[0].bytes = [UInt8](repeating: 0, count: 4 * 64 * 7919)
    var bytes = try draft.bytes()
    let dimension: [UInt8] = [64, 0, 0, 0, 0, 0, 0, 0, 0xEF, 0x1E, 0, 0, 0, 0, 0, 0]
    try Self.replace(dimension, with: dimension[..<8] + [UInt8](repeating: 0, count: 8), in: &bytes)
    #expect(
      throws: GGUFError.invalidDimension(file: Self.name, tensor: draft.tensors[0].name, index: 1, found: 0)
    ) {
      try LoRA.Adapter.read(GGUFFile(bytes: bytes, name: Self.name))
    }
  }

  @Test func truncatedAnywhere() throws {
    let bytes = try Self.valid().bytes()
    for length in stride(from: 0, to: bytes.count, by: 997) {
      #expect(throws: (any Error).self, "\(length) bytes") {
        try LoRA.Adapter.read(GGUFFile(bytes: Array(bytes[..<length]), name: Self.name))
      }
    }
  }
}
