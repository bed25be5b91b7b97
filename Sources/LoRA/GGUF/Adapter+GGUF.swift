import GGUF
import Kernels

extension Adapter {
  /// Reads a GGUF LoRA adapter. The file stays mapped as long as the adapter lives.
  ///
  /// Keys and names as llama.cpp's `convert_lora_to_gguf.py` writes them. Every value is looked at once: a NaN or an
  /// infinity is an error here rather than nonsense later.
  package static func read(_ file: GGUFFile) throws -> Adapter {
    let metadata = file.metadata
    try expect(file, "general.type", "adapter")
    try expect(file, "adapter.type", "lora")
    if metadata["adapter.alora.invocation_tokens"] != nil {
      throw AdapterError.unsupportedKind(file: file.path, kind: "activated LoRA (aLoRA)")
    }
    let architecture = try metadata.requiredString("general.architecture")
    let alpha = try metadata.float("adapter.lora.alpha") ?? 0
    guard alpha.isFinite else { throw AdapterError.notFinite(file: file.path, what: "adapter.lora.alpha") }

    var hash = ContentHash()
    hash.add(UInt64(alpha.bitPattern))
    let pairs = try readPairs(file, &hash)
    let name = try metadata.string("general.name") ?? fileName(file.path)
    return Adapter(
      path: file.path, name: name, architecture: architecture, alpha: alpha == 0 ? nil : alpha,
      taskName: try metadata.string("adapter.lora.task_name"),
      promptPrefix: try metadata.string("adapter.lora.prompt_prefix"), pairs: pairs, contentHash: hash)
  }

  private static func expect(_ file: GGUFFile, _ key: String, _ value: String) throws {
    let found = try file.metadata.string(key)
    guard found == value else {
      throw AdapterError.notAnAdapter(file: file.path, key: key, expected: value, found: found ?? "nothing")
    }
  }

  private static func readPairs(_ file: GGUFFile, _ hash: inout ContentHash) throws -> [Pair] {
    var halves: [String: (a: TensorInfo?, b: TensorInfo?)] = [:]
    var order: [String] = []
    for tensor in file.tensors {
      let isA = tensor.name.hasSuffix(".lora_a")
      guard isA || tensor.name.hasSuffix(".lora_b") else {
        throw AdapterError.unexpectedTensor(file: file.path, tensor: tensor.name)
      }
      let base = String(tensor.name.dropLast(".lora_a".count))
      if halves[base] == nil { order.append(base) }
      if isA {
        halves[base, default: (nil, nil)].a = tensor
      } else {
        halves[base, default: (nil, nil)].b = tensor
      }
    }
    guard !order.isEmpty else { throw AdapterError.noTensors(file: file.path) }
    return try order.map { base in
      guard let a = halves[base]?.a else {
        throw AdapterError.missingHalf(file: file.path, tensor: base, half: base + ".lora_a")
      }
      guard let b = halves[base]?.b else {
        throw AdapterError.missingHalf(file: file.path, tensor: base, half: base + ".lora_b")
      }
      // An embedding's A has one row of `rank` values a token: there the ranks are both in front.
      guard a.dimensions.count == 2, b.dimensions.count == 2,
        a.dimensions[1] == b.dimensions[0] || a.dimensions[0] == b.dimensions[0]
      else {
        if a.dimensions.count == 3, b.dimensions.count == 3 {
          throw AdapterError.unsupportedTarget(
            adapter: file.path, tensor: base, reason: "it is a stack of experts")
        }
        throw AdapterError.rankMismatch(file: file.path, tensor: base, a: a.dimensions, b: b.dimensions)
      }
      return Pair(tensor: base, a: try factor(file, a, &hash), b: try factor(file, b, &hash))
    }
  }

  private static func factor(_ file: GGUFFile, _ tensor: TensorInfo, _ hash: inout ContentHash) throws
    -> WeightMatrix
  {
    switch tensor.type {
    case .f32, .f16, .bf16, .q8_0: break
    default:
      throw AdapterError.unsupportedFactorType(file: file.path, tensor: tensor.name, type: tensor.type.name)
    }
    let bytes = file.bytes(of: tensor)
    let matrix = try WeightMatrix(
      bytes, owner: file, type: tensor.type, rows: tensor.dimensions[1], columns: tensor.dimensions[0])
    guard matrix.isFinite() else {
      throw AdapterError.notFinite(file: file.path, what: "a value in '\(tensor.name)'")
    }
    hash.add(tensor.name)
    hash.add(UInt64(tensor.type.rawValue))
    for dimension in tensor.dimensions { hash.add(UInt64(dimension)) }
    hash.add(bytes)
    return matrix
  }

  private static func fileName(_ path: String) -> String {
    var name = path.split(separator: "/").last.map(String.init) ?? path
    if name.hasSuffix(".gguf") { name.removeLast(5) }
    return name
  }
}
