import GGUF
import Kernels
import Testing
import Transformer

/// Models that lie about themselves, are incomplete, or are of a kind that cannot be run: each is refused with an error
/// that names the file and the key or tensor.
@Suite struct HostileModelTests {
  /// An error of this test's file.
  static func invalid(_ key: String, _ expected: String, _ found: String) -> ModelError {
    .invalidHyperparameter(file: ModelDraft.name, key: key, expected: expected, found: found)
  }

  static func wrongShape(_ tensor: String, _ expected: [Int], _ found: [Int]) -> ModelError {
    .wrongShape(file: ModelDraft.name, tensor: tensor, expected: expected, found: found)
  }

  @Test func theUnchangedModelIsAccepted() throws {
    let h = try ModelDraft().decoder().hyperparameters
    #expect(h.architecture == "llama")
    #expect((h.embeddingLength, h.layerCount, h.feedForwardLength) == (64, 3, 128))
    #expect((h.headCount, h.kvHeadCount, h.headSize) == (4, 2, 16))
    #expect((h.queryLength, h.kvLength, h.vocabularySize) == (64, 32, 320))
  }

  @Test(arguments: ["gpt2", "Llama", "llama2", "", "clip"]) func architectures(_ name: String) throws {
    try expect(
      .unsupportedArchitecture(
        file: ModelDraft.name, name: name, supported: ArchitectureName.allCases.map(\.rawValue))
    ) { $0["general.architecture"] = .string(name) }
  }

  // MARK: Tensors

  @Test func aMissingTensor() throws {
    let names = try ModelDraft().tensors.map(\.name)
    #expect(names.count == 30)
    for name in names where name != "output.weight" {
      try expect(.missingTensor(file: ModelDraft.name, tensor: name)) { $0.remove(name) }
    }
    // Without an output of its own a model's is tied to the embedding.
    var draft = try ModelDraft()
    draft.remove("output.weight")
    #expect(try draft.decoder().weights.sites.last?.tensor == "output.weight")
  }

  @Test func aTensorOfAnotherShape() throws {
    for tensor in try ModelDraft().tensors {
      // The embedding's length is the vocabulary's, which nothing else says.
      let isEmbedding = tensor.name == "token_embd.weight"
      var longer = tensor.dimensions
      longer[longer.count - 1] += 1
      for found in isEmbedding ? [] : [longer, tensor.dimensions + [2], tensor.dimensions + [1, 2]] {
        try expect(Self.wrongShape(tensor.name, tensor.dimensions, found)) {
          $0.put(ModelDraft.Tensor(tensor.name, found))
        }
      }
      // Trailing dimensions of 1 say nothing.
      var draft = try ModelDraft()
      draft.put(ModelDraft.Tensor(tensor.name, tensor.dimensions + [1]))
      _ = try draft.decoder()
    }
  }

  @Test func hyperparametersThatLie() throws {
    try expect(Self.wrongShape("token_embd.weight", [128, 320], [64, 320])) {
      $0["llama.embedding_length"] = .uint32(128)
    }
    try expect(Self.wrongShape("blk.0.ffn_gate.weight", [64, 256], [64, 128])) {
      $0["llama.feed_forward_length"] = .uint32(256)
    }
    try expect(Self.wrongShape("blk.0.attn_k.weight", [64, 64], [64, 32])) {
      $0["llama.attention.head_count_kv"] = .uint32(4)
    }
    try expect(.missingTensor(file: ModelDraft.name, tensor: "blk.3.attn_norm.weight")) {
      $0["llama.block_count"] = .uint32(4096)
    }
    try expect(Self.wrongShape("blk.0.attn_q.weight", [64, 1 << 28], [64, 64])) {
      $0["llama.attention.head_count"] = .uint32(1 << 16)
      $0["llama.attention.head_count_kv"] = .uint32(1 << 16)
      $0["llama.attention.key_length"] = .uint32(4096)
      $0["llama.attention.value_length"] = .uint32(4096)
    }
  }

  @Test func vocabularies() throws {
    try expect(Self.wrongShape("output.weight", [64, 319], [64, 320])) {
      $0.put(ModelDraft.Tensor("token_embd.weight", [64, 319]))
    }
    try expect(Self.wrongShape("output.weight", [64, 320], [64, 321])) {
      $0.put(ModelDraft.Tensor("output.weight", [64, 321]))
    }
    try expect(Self.wrongShape("token_embd.weight", [64, 64], [320, 64])) {
      $0.put(ModelDraft.Tensor("token_embd.weight", [320, 64]))
    }
    try expect(Self.wrongShape("token_embd.weight", [64, 320], [64, 320, 2])) {
      $0.put(ModelDraft.Tensor("token_embd.weight", [64, 320, 2]))
    }
    try expect(Self.wrongShape("token_embd.weight", [64, 1], [64])) {
      $0.put(ModelDraft.Tensor("token_embd.weight", [64] as [Int]))
    }
  }

  /// Integers, doubles and formats of activations are no weights.
  @Test(arguments: [TensorType.i8, .i16, .i32, .i64, .f64, .q8_1]) func tensorTypes(_ type: TensorType) throws
  {
    for (name, dimensions) in [
      ("blk.1.ffn_up.weight", [64, 128]), ("token_embd.weight", [64, 320]), ("output.weight", [64, 320]),
      ("blk.2.attn_norm.weight", [64]), ("output_norm.weight", [64]), ("blk.0.attn_q.bias", [64]),
    ] {
      try expect(.unsupportedTensorType(file: ModelDraft.name, tensor: name, type: type.name)) {
        $0.put(ModelDraft.Tensor(name, dimensions, type))
      }
    }
  }

  @Test func biasesOfAnotherShape() throws {
    try expect(Self.wrongShape("blk.0.attn_q.bias", [64], [32])) {
      $0.put(ModelDraft.Tensor("blk.0.attn_q.bias", [32]))
    }
    try expect(Self.wrongShape("output.bias", [320], [64])) { $0.put(ModelDraft.Tensor("output.bias", [64])) }
  }

  /// What nothing asks for does no harm.
  @Test func strangers() throws {
    var draft = try ModelDraft()
    draft.put(ModelDraft.Tensor("vision.weight", [2, 3, 4, 5], .i64))
    draft["llama.nonsense"] = .array(.array([.float64([.nan]), .array([])]))
    draft["llama.vocab_size"] = .float32(.nan)
    _ = try draft.decoder()
  }

  @Test func errorsNameFileAndPlace() throws {
    let texts: [(ModelError, [String])] = [
      (.missingTensor(file: "m.gguf", tensor: "t"), ["m.gguf", "'t'"]),
      (
        .wrongShape(file: "m.gguf", tensor: "t", expected: [1, 2], found: [3]),
        ["m.gguf", "'t'", "1 × 2", "3"]
      ),
      (Self.invalid("k", "this", "that"), [ModelDraft.name, "'k'", "this", "that"]),
      (.unsupportedRopeScaling(file: "m.gguf", name: "n"), ["m.gguf", "'n'"]),
      (.unsupportedTensorType(file: "m.gguf", tensor: "t", type: "I8"), ["m.gguf", "'t'", "I8"]),
      (
        .unsupportedArchitecture(file: "m.gguf", name: "n", supported: ["a", "b"]), ["m.gguf", "'n'", "a, b"]
      ),
      (.tokenOutOfRange(token: -3, vocabulary: 320), ["-3", "320"]),
      (.contextExceeded(limit: 7, requested: 9), ["7", "9"]),
    ]
    for (error, parts) in texts {
      for part in parts { #expect("\(error)".contains(part), "\(error)") }
      #expect(!"\(error)".contains("\n"))
    }
  }
}

/// What opening the tiny model with one change throws.
func expect(
  _ error: ModelError, _ location: SourceLocation = #_sourceLocation, _ edit: (inout ModelDraft) -> Void
) throws {
  var draft = try ModelDraft()
  edit(&draft)
  let file = try draft.file()
  #expect(throws: error, sourceLocation: location) {
    try Decoder(file, compute: Compute(table: .reference, threads: 1))
  }
}
