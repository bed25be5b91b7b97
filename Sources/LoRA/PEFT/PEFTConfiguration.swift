import GGUF
import SafeTensors

/// `adapter_config.json` of a PEFT adapter: what its tensors mean.
///
/// Every field is known by name: those that change the arithmetic are read or refused, those that do not are listed as
/// harmless, and an unknown one is refused unless it is switched off (null, false, empty). Source: PEFT 0.21's
/// `LoraConfig`.
struct PEFTConfiguration: Sendable {
  enum TrainedBias: String, Sendable { case none, all, loraOnly = "lora_only" }

  let path: String
  let rank: Int
  let alpha: Float
  let ranks: [(pattern: ModulePattern, value: Int)]
  let alphas: [(pattern: ModulePattern, value: Float)]
  let isRankStabilized: Bool
  let hasMagnitudes: Bool
  let hasFactorBias: Bool
  let trainedBias: TrainedBias
  /// nil: every module that has tensors.
  let targets: [String]?
  /// nil: all.
  let layers: Set<Int>?
  let invocationTokens: [Int32]?
  /// Rows that were trained, by the module they belong to.
  let tokens: [(module: String, indices: [Int])]
  /// Fused parameters of experts that have factors.
  let parameters: [String]
  /// Modules whose weight is in the file as a whole.
  let replaced: [String]
  let tiesWeights: Bool
  let baseModel: String?

  private static let sizeLimit = 16 << 20

  init(path: String) throws {
    let file = try MappedFile(path: path)
    guard file.count <= Self.sizeLimit else {
      throw AdapterError.invalidSetting(
        file: path, key: "file size", expected: "at most \(Self.sizeLimit) bytes", found: "\(file.count)")
    }
    try self.init(bytes: file.withBytes { Array($0) }, path: path)
  }

  init(bytes: [UInt8], path: String) throws(AdapterError) {
    let root: JSON
    do { root = try JSON.parse(bytes) } catch {
      throw .invalidConfiguration(file: path, reason: "not valid JSON, at \(error)")
    }
    guard let members = root.members else {
      throw .invalidConfiguration(file: path, reason: "expected an object, found \(root.excerpt())")
    }
    let fields = PEFTFields(path: path, root: root)
    if root["peft_type"] == nil, root["lora_parameters"] != nil || root["fine_tune_type"] != nil {
      throw .unsupportedKind(file: path, kind: "MLX")
    }
    guard let kind = root["peft_type"]?.string else {
      throw fields.invalid("peft_type", "'LORA'")
    }
    guard kind == "LORA" else {
      throw .unsupportedKind(
        file: path, kind: String(String.UnicodeScalarView(kind.unicodeScalars.prefix(60))))
    }
    try fields.refuseUnsupported(members)

    self.path = path
    rank = try fields.int("r", in: 1...(1 << 16))
    alpha = try fields.number("lora_alpha")
    ranks = try fields.patterns("rank_pattern") { value in
      value.int.flatMap { (1...(1 << 16)).contains($0) ? $0 : nil }
    }
    alphas = try fields.patterns("alpha_pattern") { value in
      value.double.map { Float($0) }.flatMap { $0.isFinite ? $0 : nil }
    }
    isRankStabilized = try fields.bool("use_rslora")
    hasMagnitudes = try fields.bool("use_dora")
    hasFactorBias = try fields.bool("lora_bias")
    tiesWeights = try fields.bool("ensure_weight_tying")
    trainedBias = try fields.trainedBias()
    // A text is a regular expression or `all-linear`: the tensors show what it matched.
    targets = root["target_modules"]?.string == nil ? try fields.names("target_modules") : nil
    layers = try fields.layers()
    parameters = try fields.parameters()
    invocationTokens = try fields.invocationTokens()
    tokens = try fields.trainedTokens()
    // Tied modules are in the file once.
    replaced = tiesWeights ? [] : try fields.names("modules_to_save") ?? []
    baseModel = root["base_model_name_or_path"]?.string

    if hasMagnitudes, hasFactorBias {
      throw .contradiction(file: path, what: "use_dora and lora_bias are both set, which PEFT does not allow")
    }
    if invocationTokens != nil, hasMagnitudes {
      throw .contradiction(
        file: path, what: "alora_invocation_tokens and use_dora are both set, which PEFT does not allow")
    }
  }

  func rank(of module: String) -> Int {
    if ranks.isEmpty { return rank }
    let name = Array(module.unicodeScalars)
    return ranks.first { $0.pattern.matches(name) }?.value ?? rank
  }

  func scaling(of module: String) -> LowRankPair.Scaling {
    let name = alphas.isEmpty ? [] : Array(module.unicodeScalars)
    let alpha = alphas.first { $0.pattern.matches(name) }?.value ?? alpha
    return isRankStabilized ? .rankStabilized(alpha) : .alpha(alpha)
  }

  /// Throws if the configuration says that a module has no factors.
  func checkIsTarget(_ module: String, tensor: String) throws(AdapterError) {
    let isTied = tiesWeights && module.hasSuffix("lm_head")
    if let targets, !isTied, !targets.contains(where: { Self.names(module, $0) }) {
      throw .contradiction(
        file: path, what: "there is a tensor '\(tensor)', but target_modules leaves it out")
    }
    if let layers, let layer = Self.layer(of: module), !layers.contains(layer) {
      throw .contradiction(
        file: path, what: "there is a tensor '\(tensor)', but layers_to_transform leaves layer \(layer) out")
    }
  }

  /// Is a module the one of this name, or does its name end with it, at a dot?
  static func names(_ module: String, _ name: String) -> Bool {
    module == name || module.hasSuffix("." + name)
  }

  /// Is a module the one of this name, or somewhere inside of it?
  static func holds(_ name: String, _ module: String) -> Bool {
    ("." + module + ".").contains("." + name + ".")
  }

  /// The number behind the first dot that a number follows: `model.layers.3.mlp` is in layer 3.
  private static func layer(of module: String) -> Int? {
    module.split(separator: ".").lazy.compactMap { Int($0) }.first
  }
}
