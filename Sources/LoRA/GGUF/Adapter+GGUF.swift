import GGUF
import Kernels

extension Adapter {
  /// Reads a GGUF LoRA adapter. The file stays mapped as long as the adapter lives.
  ///
  /// Keys and names as llama.cpp's `convert_lora_to_gguf.py` writes them, which also keeps the norms of extracted adapters.
  package static func read(_ file: GGUFFile) throws -> Adapter {
    let metadata = file.metadata
    try expect(file, "general.type", "adapter")
    try expect(file, "adapter.type", "lora")
    let architecture = try metadata.requiredString("general.architecture")
    let alpha = try metadata.float("adapter.lora.alpha") ?? 0
    guard alpha.isFinite else { throw AdapterError.notFinite(file: file.path, what: "adapter.lora.alpha") }
    return try Adapter(
      path: file.path, name: try metadata.string("general.name") ?? fileName(file.path),
      naming: .gguf(architecture: architecture), alpha: alpha == 0 ? nil : alpha,
      taskName: try metadata.string("adapter.lora.task_name"),
      promptPrefix: try metadata.string("adapter.lora.prompt_prefix"),
      baseModel: try? metadata.string("general.base_model.0.name"),
      invocationTokens: try invocationTokens(file),
      changes: try readChanges(file, alpha == 0 ? .none : .alpha(alpha)))
  }

  private static func expect(_ file: GGUFFile, _ key: String, _ value: String) throws {
    let found = try file.metadata.string(key)
    guard found == value else {
      throw AdapterError.notAnAdapter(file: file.path, key: key, expected: value, found: found ?? "nothing")
    }
  }

  private static func invocationTokens(_ file: GGUFFile) throws -> [Int32]? {
    let key = "adapter.alora.invocation_tokens"
    guard let value = file.metadata[key] else { return nil }
    func invalid(_ found: String) -> AdapterError {
      .invalidSetting(
        file: file.path, key: key, expected: "an array of uint32 token ids, not empty", found: found)
    }
    guard case .array(.uint32(let found)) = value else { throw invalid(value.typeName) }
    let tokens = found.compactMap { Int32(exactly: $0) }
    guard tokens.count == found.count, !tokens.isEmpty else {
      throw invalid(found.isEmpty ? "an empty one" : "one with ids beyond 2147483647")
    }
    return tokens
  }

  private static func readChanges(_ file: GGUFFile, _ scaling: LowRankPair.Scaling) throws -> [Change] {
    var halves: [String: (a: TensorInfo?, b: TensorInfo?)] = [:]
    var order: [String] = []
    var changes: [Change] = []
    for tensor in file.tensors {
      let isA = tensor.name.hasSuffix(".lora_a")
      guard isA || tensor.name.hasSuffix(".lora_b") else {
        guard tensor.name.hasSuffix("_norm.weight"), tensor.dimensions.count == 1 else {
          throw AdapterError.unexpectedTensor(file: file.path, tensor: tensor.name)
        }
        changes.append(.norm(tensor: tensor.name, try matrix(file, tensor)))
        continue
      }
      let base = String(tensor.name.dropLast(".lora_a".count))
      if halves[base] == nil { order.append(base) }
      if isA {
        halves[base, default: (nil, nil)].a = tensor
      } else {
        halves[base, default: (nil, nil)].b = tensor
      }
    }
    return try order.map { base in
      guard let a = halves[base]?.a else {
        throw AdapterError.missingHalf(file: file.path, tensor: base, half: base + ".lora_a")
      }
      guard let b = halves[base]?.b else {
        throw AdapterError.missingHalf(file: file.path, tensor: base, half: base + ".lora_b")
      }
      guard let part = part(a.dimensions, b.dimensions) else {
        throw AdapterError.rankMismatch(file: file.path, tensor: base, a: a.dimensions, b: b.dimensions)
      }
      return .lowRank(
        LowRankPair(
          tensor: base, a: try matrix(file, a), b: try matrix(file, b), part: part, scaling: scaling))
    } + changes
  }

  /// What two factors of these dimensions are, or nil if they do not fit together.
  private static func part(_ a: [Int], _ b: [Int]) -> LowRankPair.Part? {
    switch (a.count, b.count) {
    // An embedding's A has one row of `rank` values a token: there the ranks are both in front.
    case (2, 2): a[1] == b[0] || a[0] == b[0] ? .matrix : nil
    case (3, 3): a[1] == b[0] && a[2] == b[2] ? .stack(experts: a[2]) : nil
    default: nil
    }
  }

  private static func matrix(_ file: GGUFFile, _ tensor: TensorInfo) throws -> WeightMatrix {
    switch tensor.type {
    case .f32, .f16, .bf16, .q8_0: break
    default:
      throw AdapterError.unsupportedFactorType(file: file.path, tensor: tensor.name, type: tensor.type.name)
    }
    return try WeightMatrix(
      file.bytes(of: tensor), owner: file, type: tensor.type,
      rows: tensor.dimensions.dropFirst().reduce(1, *), columns: tensor.dimensions[0])
  }

  private static func fileName(_ path: String) -> String {
    var name = path.split(separator: "/").last.map(String.init) ?? path
    if name.hasSuffix(".gguf") { name.removeLast(5) }
    return name
  }
}
