import Mullama

/// What `inspect` tells of a file, for people and for programs.
struct InspectReport {
  /// nil: an adapter that is no GGUF file.
  private let summary: FileSummary?
  private let adapter: LoRAAdapter?
  private let listsTensors: Bool
  private let listsMetadata: Bool

  init(_ summary: FileSummary, adapter: LoRAAdapter?, listsTensors: Bool = false, listsMetadata: Bool = false)
  {
    self.summary = summary
    self.adapter = adapter
    self.listsTensors = listsTensors
    self.listsMetadata = listsMetadata
  }

  /// An adapter that is no GGUF file.
  init(adapter: LoRAAdapter) {
    summary = nil
    self.adapter = adapter
    listsTensors = false
    listsMetadata = false
  }

  var text: String {
    var facts = Table(alignments: [.left, .left])
    facts.append("file", summary?.path ?? adapter?.path ?? "")
    if let name = summary?.name ?? adapter?.name { facts.append("name", name) }
    facts.append("kind", adapter.map(Self.kind) ?? summary?.kind ?? "")
    facts.append("architecture", summary?.architecture ?? "not said")
    if let adapter {
      describe(adapter, &facts)
    } else if let summary {
      describeModel(summary, &facts)
    }
    var output = facts.text()
    if let adapter { output += "\n" + modules(adapter) }
    guard let summary else { return output }
    output += "\n" + typeTable(summary)
    if listsTensors { output += "\n" + tensorTable(summary) }
    if listsMetadata { output += "\n" + metadataTable(summary) }
    return output
  }

  private func describeModel(_ summary: FileSummary, _ facts: inout Table) {
    facts.append(
      "size",
      "\(Wording.bytes(summary.byteCount)), \(Wording.count(summary.weightCount)) parameters, GGUF version \(summary.version)"
    )
    func add(_ title: String, _ number: Int?) {
      if let number { facts.append(title, "\(number)") }
    }
    add("context", summary.contextLength)
    add("layers", summary.layerCount)
    add("embedding", summary.embeddingLength)
    add("feed-forward", summary.feedForwardLength)
    if let heads = summary.headCount {
      facts.append("heads", "\(heads)" + (summary.kvHeadCount.map { ", \($0) for keys and values" } ?? ""))
    }
    if let experts = summary.expertCount, experts > 0 {
      facts.append("experts", "\(experts)" + (summary.usedExpertCount.map { ", \($0) for a token" } ?? ""))
    }
    add("vocabulary", summary.vocabularySize)
    facts.append("tokenizer", summary.tokenizer ?? "none")
    facts.append("chat template", summary.hasChatTemplate ? "yes" : "no")
  }

  /// `LoRA adapter`, `LoRA adapter (PEFT): rsLoRA, DoRA`
  private static func kind(_ adapter: LoRAAdapter) -> String {
    let kinds = adapter.kinds == [.lora] ? "" : ": " + adapter.kinds.map(\.rawValue).joined(separator: ", ")
    return "LoRA adapter" + (adapter.architecture == nil ? " (PEFT)" : "") + kinds
  }

  private func describe(_ adapter: LoRAAdapter, _ facts: inout Table) {
    facts.append(
      "size",
      summary.map { "\(Wording.bytes($0.byteCount)), \(Wording.count($0.weightCount)) parameters" }
        ?? Wording.bytes(adapter.byteCount))
    facts.append("rank", Self.range(adapter.ranks))
    facts.append("alpha", adapter.alpha.map { "\($0)" } ?? "none: the scale is the user's alone")
    if let task = adapter.taskName { facts.append("task", task) }
    if let prefix = adapter.promptPrefix { facts.append("prompt prefix", "\"\(prefix)\"") }
    if let base = adapter.baseModel { facts.append("made for", base) }
    if let tokens = adapter.invocationTokens {
      facts.append("active from", "tokens " + tokens.map { "\($0)" }.joined(separator: ", ") + " on")
    }
    if adapter.listedTokenCount > 0 {
      facts.append(
        "tokens", "\(adapter.listedTokenCount) listed beside the vocabulary, those of the base too")
    }
    if let template = adapter.chatTemplate {
      facts.append(
        "chat template", template.file + (template.problem.map { ", cannot be used: \($0)" } ?? ""))
    }
    facts.append("content hash", adapter.contentHash)
  }

  private func modules(_ adapter: LoRAAdapter) -> String {
    var table = Table([
      ("module", .left), ("tensors", .right), ("rank", .right), ("types", .left), ("bytes", .right),
    ])
    for module in adapter.modules {
      table.append(
        module.name, "\(module.count)", Self.range(module.ranks), module.types.joined(separator: ", "),
        Wording.bytes(module.byteCount))
    }
    return table.text()
  }

  private func typeTable(_ summary: FileSummary) -> String {
    var table = Table([("type", .left), ("tensors", .right), ("weights", .right), ("bytes", .right)])
    for share in summary.types {
      table.append(
        share.type, "\(share.tensorCount)", Wording.count(share.weightCount), Wording.bytes(share.byteCount))
    }
    return table.text()
  }

  private func tensorTable(_ summary: FileSummary) -> String {
    var table = Table([("tensor", .left), ("type", .left), ("shape", .left), ("bytes", .right)])
    for tensor in summary.tensors {
      table.append(
        tensor.name, tensor.type, tensor.dimensions.map(String.init).joined(separator: " × "),
        Wording.bytes(tensor.byteCount))
    }
    return table.text()
  }

  private func metadataTable(_ summary: FileSummary) -> String {
    var table = Table([("key", .left), ("type", .left), ("value", .left)])
    for entry in summary.metadata { table.append(entry.key, entry.type, entry.value) }
    return table.text()
  }

  static func range(_ range: ClosedRange<Int>) -> String {
    range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound)–\(range.upperBound)"
  }
}

extension InspectReport {
  var json: JSONValue {
    var members: [JSONValue.Member] = []
    func add(_ key: String, _ value: JSONValue) { members.append(JSONValue.Member(key: key, value: value)) }
    add("file", .string(summary?.path ?? adapter?.path ?? ""))
    add("kind", .string(summary?.kind ?? "adapter"))
    add("name", .optional(summary == nil ? adapter?.name : summary?.name) { .string($0) })
    add("architecture", .optional(summary?.architecture) { .string($0) })
    add("bytes", .integer(summary?.byteCount ?? adapter?.byteCount ?? 0))
    if let summary {
      add("parameters", .integer(summary.weightCount))
      add("gguf_version", .integer(summary.version))
    }
    if let adapter {
      add("format", .string(adapter.architecture == nil ? "peft" : "gguf"))
      add("kinds", .array(adapter.kinds.map { .string($0.rawValue) }))
      add("alpha", .optional(adapter.alpha) { .number($0) })
      add("ranks", [.integer(adapter.ranks.lowerBound), .integer(adapter.ranks.upperBound)])
      add("task", .optional(adapter.taskName) { .string($0) })
      add("prompt_prefix", .optional(adapter.promptPrefix) { .string($0) })
      add("base_model", .optional(adapter.baseModel) { .string($0) })
      add(
        "invocation_tokens",
        .optional(adapter.invocationTokens) { .array($0.map { .integer(Int($0)) }) })
      add("listed_tokens", .integer(adapter.listedTokenCount))
      add("chat_template", .optional(adapter.chatTemplate) { .string($0.file) })
      add(
        "chat_template_problem", .optional(adapter.chatTemplate?.problem) { .string("\($0)") })
      add("content_hash", .string(adapter.contentHash))
      add("modules", .array(adapter.modules.map(Self.json)))
    } else if let summary {
      add("context_length", .optional(summary.contextLength) { .integer($0) })
      add("layers", .optional(summary.layerCount) { .integer($0) })
      add("embedding_length", .optional(summary.embeddingLength) { .integer($0) })
      add("feed_forward_length", .optional(summary.feedForwardLength) { .integer($0) })
      add("expert_count", .optional(summary.expertCount) { .integer($0) })
      add("expert_used_count", .optional(summary.usedExpertCount) { .integer($0) })
      add("heads", .optional(summary.headCount) { .integer($0) })
      add("kv_heads", .optional(summary.kvHeadCount) { .integer($0) })
      add("vocabulary", .optional(summary.vocabularySize) { .integer($0) })
      add("tokenizer", .optional(summary.tokenizer) { .string($0) })
      add("chat_template", .bool(summary.hasChatTemplate))
    }
    guard let summary else { return .object(members) }
    add("types", .array(summary.types.map(Self.json)))
    if listsTensors { add("tensors", .array(summary.tensors.map(Self.json))) }
    if listsMetadata { add("metadata", .array(summary.metadata.map(Self.json))) }
    return .object(members)
  }

  private static func json(_ module: LoRAAdapter.Module) -> JSONValue {
    [
      "name": .string(module.name), "tensors": .integer(module.count),
      "ranks": [.integer(module.ranks.lowerBound), .integer(module.ranks.upperBound)],
      "types": .array(module.types.map { .string($0) }), "bytes": .integer(module.byteCount),
    ]
  }

  private static func json(_ share: FileSummary.TypeShare) -> JSONValue {
    [
      "type": .string(share.type), "tensors": .integer(share.tensorCount),
      "weights": .integer(share.weightCount),
      "bytes": .integer(share.byteCount),
    ]
  }

  private static func json(_ tensor: FileSummary.Tensor) -> JSONValue {
    [
      "name": .string(tensor.name), "type": .string(tensor.type),
      "shape": .array(tensor.dimensions.map { .integer($0) }), "bytes": .integer(tensor.byteCount),
    ]
  }

  private static func json(_ entry: FileSummary.Entry) -> JSONValue {
    ["key": .string(entry.key), "type": .string(entry.type), "value": .string(entry.value)]
  }
}
