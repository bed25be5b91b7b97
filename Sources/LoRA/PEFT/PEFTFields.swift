import SafeTensors

/// Reads the members of an `adapter_config.json`; errors name the file, the field, what was expected and found.
struct PEFTFields {
  let path: String
  let root: JSON

  /// Fields that say how it was trained, where it came from or where it acts, which the tensors themselves show.
  private static let harmless: Set<String> = [
    "auto_mapping", "base_model_name_or_path", "revision", "inference_mode", "task_type", "peft_version",
    "lora_dropout", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "megatron_core",
    "megatron_config", "qalora_group_size", "runtime_config", "layers_pattern", "exclude_modules",
    "fan_in_fan_out", "peft_type", "velora_config",
  ]

  /// Fields that are read.
  private static let known: Set<String> = [
    "r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora", "lora_bias",
    "ensure_weight_tying", "bias", "target_modules", "layers_to_transform", "alora_invocation_tokens",
    "trainable_token_indices", "init_lora_weights", "modules_to_save", "target_parameters",
  ]

  /// Fields that change the arithmetic in a way that is not done here, unless they are off.
  private static let unsupported: [String: String] = [
    "layer_replication": "the base model's layers would have to be repeated",
    "use_qalora": "QA-LoRA pools the inputs",
    "arrow_config": "Arrow routes between adapters",
    "use_bdlora": "BD-LoRA has block-diagonal factors",
    "kasa_config": "KaSA changes the base model's weights",
    "monteclora_config": "MonteCLoRA draws its factors at random",
  ]

  /// Ways of initialising that leave the base model's weights as they were.
  private static let plainInitialisations = [
    "gaussian", "eva", "orthogonal", "mica", "mini_lora", "true", "false",
  ]

  /// Tasks whose models have a head of their own in the place of the one that makes text.
  private static let tasksWithoutText = ["SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS"]

  func invalid(_ key: String, _ expected: String) -> AdapterError {
    .invalidSetting(file: path, key: key, expected: expected, found: root[key]?.excerpt() ?? "nothing")
  }

  /// The field's value; nil also where it is null.
  private func value(_ key: String) -> JSON? {
    let found = root[key]
    return found == .null ? nil : found
  }

  private static func isOff(_ value: JSON) -> Bool {
    switch value {
    case .null, .bool(false), .string(""): true
    case .array(let values): values.isEmpty
    case .object(let keys, _): keys.isEmpty
    default: false
    }
  }

  func refuseUnsupported(_ members: [JSON.Member]) throws(AdapterError) {
    for (key, value) in members where !Self.harmless.contains(key) && !Self.known.contains(key) {
      if Self.isOff(value) { continue }
      throw .unsupportedSetting(
        file: path, key: key, value: value.excerpt(),
        reason: Self.unsupported[key]
          ?? "its meaning is not known here; if it is only about training, take it out of the file")
    }
    if let task = value("task_type")?.string, Self.tasksWithoutText.contains(task) {
      throw .unsupportedSetting(
        file: path, key: "task_type", value: task,
        reason: "it was trained with a head that answers with classes or places, not with text")
    }
    let way: String? =
      switch value("init_lora_weights") {
      case nil, .bool: nil
      case .string(let name):
        Self.plainInitialisations.contains(name.lowercased())
          ? nil : String(String.UnicodeScalarView(name.unicodeScalars.prefix(60)))
      case .some(let other): other.excerpt()
      }
    if let way {
      throw .unsupportedSetting(
        file: path, key: "init_lora_weights", value: way, reason: Self.reason(against: way.lowercased()))
    }
  }

  /// Why factors that were initialised in some way do not mean what plain ones do, and what to do about it.
  private static func reason(against way: String) -> String {
    if ["pissa", "olora", "corda", "lora_ga"].contains(where: { way.hasPrefix($0) }) {
      return
        "it took a part out of the base model's weights before training; make a plain adapter of it with PEFT's "
        + "save_pretrained(…, path_initial_model_for_weight_conversion=…), as docs/adapters.md shows"
    }
    if way == "loftq" {
      return "it was trained on a base whose weights LoftQ had rounded; merge it into that base with PEFT "
        + "(merge_and_unload), and convert the merged model to GGUF"
    }
    return
      "it is not known here whether it changes the base model's weights; if it does not, write true in its place"
  }

  func bool(_ key: String) throws(AdapterError) -> Bool {
    guard let value = value(key) else { return false }
    guard let flag = value.bool else { throw invalid(key, "true or false") }
    return flag
  }

  func int(_ key: String, in range: ClosedRange<Int>) throws(AdapterError) -> Int {
    guard let number = value(key)?.int, range.contains(number) else {
      throw invalid(key, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func number(_ key: String) throws(AdapterError) -> Float {
    guard let number = value(key)?.double, Float(number).isFinite else { throw invalid(key, "a number") }
    return Float(number)
  }

  /// Instructions of all patterns of a setting together, each of which is tried with each character of each module's name:
  /// some hundred usual ones.
  private static let patternLimit = 1 << 14
  /// Characters of the plain ones, of which each decides at once. A model with 128 experts in 48 layers has 18 432 modules
  /// with names of 45.
  private static let plainPatternLimit = 1 << 21

  /// An object from regular expressions to values; the first that matches counts.
  func patterns<Value>(
    _ key: String, _ read: (JSON) -> Value?
  ) throws(AdapterError) -> [(pattern: ModulePattern, value: Value)] {
    guard let value = value(key) else { return [] }
    guard let members = value.members else { throw invalid(key, "an object") }
    var found: [(pattern: ModulePattern, value: Value)] = []
    var plainSteps = 0, steps = 0
    for (text, value) in members {
      guard let number = read(value) else {
        throw .invalidSetting(
          file: path, key: "\(key)['\(text)']", expected: "a number in range", found: value.excerpt())
      }
      let pattern: ModulePattern
      do { pattern = try ModulePattern(text) } catch {
        throw .invalidPattern(
          file: path, key: key, pattern: String(String.UnicodeScalarView(text.unicodeScalars.prefix(100))),
          reason: error.reason)
      }
      if pattern.isPlain { plainSteps += pattern.stepCount } else { steps += pattern.stepCount }
      guard plainSteps <= Self.plainPatternLimit, steps <= Self.patternLimit else {
        throw .invalidSetting(
          file: path, key: key,
          expected: "patterns of at most \(Self.patternLimit) steps together, or \(Self.plainPatternLimit) "
            + "characters where each is one module's name",
          found: "\(members.count) patterns of more")
      }
      found.append((pattern, number))
    }
    return found
  }

  /// Parameters that have factors of their own, without a module: those of experts.
  func parameters() throws(AdapterError) -> [String] {
    let key = "target_parameters"
    let names = try names(key) ?? []
    let other = names.first { name in !FusedExperts.parameters.contains { name.hasSuffix("experts." + $0) } }
    if let other {
      throw .unsupportedSetting(
        file: path, key: key, value: other,
        reason: "only experts.gate_up_proj and experts.down_proj are known")
    }
    return names
  }

  func trainedBias() throws(AdapterError) -> PEFTConfiguration.TrainedBias {
    guard let value = value("bias") else { return .none }
    guard let bias = value.string.flatMap({ PEFTConfiguration.TrainedBias(rawValue: $0) }) else {
      throw invalid("bias", "'none', 'all' or 'lora_only'")
    }
    return bias
  }

  /// nil: not set.
  func names(_ key: String) throws(AdapterError) -> [String]? {
    guard let value = value(key), !Self.isOff(value) else { return nil }
    let names = value.array?.compactMap(\.string)
    guard let names, names.count == value.array?.count else { throw invalid(key, "a list of names") }
    return names
  }

  func layers() throws(AdapterError) -> Set<Int>? {
    guard let value = value("layers_to_transform") else { return nil }
    if let one = value.int { return [one] }
    let numbers = value.array?.compactMap(\.int)
    guard let numbers, numbers.count == value.array?.count else {
      throw invalid("layers_to_transform", "layer numbers")
    }
    return numbers.isEmpty ? nil : Set(numbers)
  }

  func invocationTokens() throws(AdapterError) -> [Int32]? {
    guard let value = value("alora_invocation_tokens") else { return nil }
    guard let tokens = tokenIDs(value), !tokens.isEmpty else {
      throw invalid("alora_invocation_tokens", "token ids")
    }
    return tokens.map { Int32($0) }
  }

  /// A list belongs to the embedding; an object names a module for each list.
  func trainedTokens() throws(AdapterError) -> [(module: String, indices: [Int])] {
    let key = "trainable_token_indices"
    guard let value = value(key) else { return [] }
    let members = value.members ?? [(key: "embed_tokens", value: value)]
    var found: [(module: String, indices: [Int])] = []
    for (module, value) in members {
      guard let indices = tokenIDs(value), Set(indices).count == indices.count else {
        throw invalid(key, "token ids, each once")
      }
      if !indices.isEmpty { found.append((module, indices)) }
    }
    return found
  }

  private func tokenIDs(_ value: JSON) -> [Int]? {
    guard let values = value.array else { return nil }
    let ids = values.compactMap(\.int).filter { $0 >= 0 && $0 <= Int(Int32.max) }
    return ids.count == values.count ? ids : nil
  }
}
