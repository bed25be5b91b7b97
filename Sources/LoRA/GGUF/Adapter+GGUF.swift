import GGUF
import Kernels
import Transformer

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
      invocationTokens: try invocationTokens(file), addedTokens: try addedTokens(file),
      template: try template(file), changes: try GGUFChanges.read(file, alpha == 0 ? .none : .alpha(alpha)))
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

  private static func template(_ file: GGUFFile) throws -> TrainedTemplate? {
    guard let source = try file.metadata.string(OwnTensors.templateKey) else { return nil }
    try TrainedTemplate.check(
      byteCount: source.utf8.count, key: OwnTensors.templateKey, file: file.path)
    return TrainedTemplate(
      file: file.path, source: source, bos: try file.metadata.string(OwnTensors.bosKey),
      eos: try file.metadata.string(OwnTensors.eosKey))
  }

  private static func addedTokens(_ file: GGUFFile) throws -> [AddedToken] {
    let metadata = file.metadata
    guard let ids = try metadata.ints(OwnTensors.tokenIDsKey) else { return [] }
    let texts = try metadata.strings(OwnTensors.tokenTextsKey) ?? []
    let specials = try metadata.bools(OwnTensors.tokenSpecialsKey) ?? []
    for (key, count) in [
      (OwnTensors.tokenTextsKey, texts.count), (OwnTensors.tokenSpecialsKey, specials.count),
    ] where count != ids.count {
      throw AdapterError.invalidSetting(
        file: file.path, key: key, expected: "\(ids.count) values, as \(OwnTensors.tokenIDsKey) has",
        found: "\(count)")
    }
    for (id, text) in zip(ids, texts) {
      try AddedToken.check(id: id, text: text, key: OwnTensors.tokenIDsKey, file: file.path)
    }
    guard zip(ids, ids.dropFirst()).allSatisfy({ $0 < $1 }), Set(texts).count == texts.count else {
      throw AdapterError.contradiction(
        file: file.path, what: "its added tokens are not distinct and ascending")
    }
    return ids.indices.map { AddedToken(id: ids[$0], text: texts[$0], isSpecial: specials[$0]) }
  }

  private static func fileName(_ path: String) -> String {
    var name = path.split(separator: "/").last.map(String.init) ?? path
    if name.hasSuffix(".gguf") { name.removeLast(5) }
    return name
  }
}
