import GGUF
import Kernels
import SafeTensors
import Transformer

extension Adapter {
  /// Reads a PEFT adapter: a folder with `adapter_config.json` and `adapter_model.safetensors`, or either of the two files.
  ///
  /// - Throws: `AdapterError` naming file and field or tensor, `SafeTensorsError`, or `GGUFError` where a file cannot be
  ///   opened.
  package static func read(peft path: String) throws -> Adapter {
    let folder = try PEFTFolder(path)
    return try read(
      PEFTConfiguration(path: folder.configuration), SafeTensorsFile.open(folder.weights), path: path,
      name: folder.name, tokens: PEFTTokens(folder.path))
  }

  static func read(
    _ configuration: PEFTConfiguration, _ file: SafeTensorsFile, path: String, name: String,
    tokens: PEFTTokens
  ) throws -> Adapter {
    var reader = PEFTReader(configuration, file)
    let changes = try reader.changes()
    let trainedOn = tokens.list.isEmpty ? [:] : try reader.trainedOn()
    // A padding token without a row is in no text, so training had no need of its row either.
    let added = tokens.list.filter { token in
      token.id != tokens.padding || changes.contains { $0.hasRow(of: token.id) }
        || trainedOn.values.contains { $0.rows > token.id }
    }
    return try Adapter(
      path: path, name: name, naming: .peft, alpha: configuration.alpha, baseModel: configuration.baseModel,
      invocationTokens: configuration.invocationTokens, addedTokens: added, template: tokens.template,
      trainedOn: trainedOn, expertCounts: reader.expertCounts, changes: changes)
  }
}

/// Puts the tensors of a PEFT adapter together into changes.
private struct PEFTReader {
  typealias Part = PEFTTensorName.Part

  private let configuration: PEFTConfiguration
  private let file: SafeTensorsFile
  private var order: [String] = []
  private var modules: [String: [Part: SafeTensorInfo]] = [:]
  /// Of fused parameters, by a module of their first expert.
  private(set) var expertCounts: [String: Int] = [:]

  init(_ configuration: PEFTConfiguration, _ file: SafeTensorsFile) {
    self.configuration = configuration
    self.file = file
  }

  mutating func changes() throws -> [Change] {
    try sort()
    try checkTying()
    var changes: [Change] = []
    for module in order {
      guard let parts = modules[module] else { continue }
      if let fused = FusedExperts(module, configuration) {
        changes += try experts(fused, parts).map { .lowRank($0) }
        continue
      }
      if let pair = try pair(module, parts) { changes.append(.lowRank(pair)) }
      if let weight = parts[.weight] { changes += try replacements(module, weight) }
      if let rows = parts[.trainedTokens] { changes.append(try trainedTokens(module, rows)) }
      for part in [Part.bias, .baseBias] {
        if let bias = parts[part], part == .bias || configuration.trainedBias != .none {
          changes.append(.bias(tensor: module, try vector(bias)))
        }
      }
    }
    for module in configuration.replaced
    where !modules.contains(where: { $0.value[.weight] != nil && PEFTConfiguration.holds(module, $0.key) }) {
      throw lacking(module, "modules_to_save", "weight")
    }
    for (module, _) in configuration.tokens where !changes.contains(where: { $0.trains(module) }) {
      throw lacking(module, "trainable_token_indices", "token_adapter.trainable_tokens_delta")
    }
    return changes
  }

  /// The base layers of adapted embeddings and outputs, which have rows for added tokens.
  func trainedOn() throws -> [String: WeightMatrix] {
    var found: [String: WeightMatrix] = [:]
    for module in order where module.hasSuffix("embed_tokens") || module.hasSuffix("lm_head") {
      guard let weight = modules[module]?[.baseWeight], weight.shape.count == 2 else { continue }
      found[module] = try matrix(weight)
    }
    return found
  }

  private func lacking(_ module: String, _ key: String, _ tensor: String) -> AdapterError {
    .contradiction(
      file: configuration.path,
      what: "\(key) names '\(module)', but '\(file.path)' has no tensor '\(module).\(tensor)'")
  }

  /// With tied weights the factors of an embedding are the output's as well: PEFT writes them a second time, as the output's.
  private func checkTying() throws(AdapterError) {
    guard configuration.tiesWeights, let embedding = order.first(where: { modules[$0]?[.embeddingA] != nil }),
      !order.contains(where: { $0.hasSuffix("lm_head") && modules[$0]?[.a] != nil })
    else { return }
    throw .unsupportedSetting(
      file: configuration.path, key: "ensure_weight_tying", value: "true",
      reason: "the factors of '\(embedding)' would hold for the output as well, which has none in the file")
  }

  private mutating func sort() throws(AdapterError) {
    for tensor in file.tensors {
      guard let name = PEFTTensorName(tensor.name) else {
        throw .unexpectedTensor(file: file.path, tensor: tensor.name)
      }
      if name.part == .unused { continue }
      if modules[name.module] == nil { order.append(name.module) }
      guard let other = modules[name.module, default: [:]].updateValue(tensor, forKey: name.part) else {
        continue
      }
      // With `save_embedding_layers` PEFT writes what `modules_to_save` holds a second time, as `….modules_to_save.weight`.
      guard tensor.type == other.type, tensor.shape == other.shape,
        file.bytes(of: tensor).elementsEqual(file.bytes(of: other))
      else {
        throw .contradiction(
          file: file.path, what: "'\(tensor.name)' is there under two names, with different values")
      }
    }
  }

  private func pair(_ module: String, _ parts: [Part: SafeTensorInfo]) throws -> LowRankPair? {
    let isEmbedding = parts[.embeddingA] != nil || parts[.embeddingB] != nil
    let halves = isEmbedding ? (a: parts[.embeddingA], b: parts[.embeddingB]) : (a: parts[.a], b: parts[.b])
    // PEFT's embeddings have neither the factors of linears nor biases of factors.
    if isEmbedding, let other = parts[.a] ?? parts[.b] ?? parts[.factorBias] {
      throw AdapterError.contradiction(
        file: file.path,
        what: "'\(module)' has factors of an embedding, and the tensor '\(other.name)' beside them")
    }
    func missing(_ role: String) -> AdapterError { missingHalf(module, role, isEmbedding: isEmbedding) }
    guard halves.a != nil || halves.b != nil else {
      if let alone = parts[.magnitude] ?? parts[.factorBias] {
        throw AdapterError.missingHalf(file: file.path, tensor: alone.name, half: module + ".lora_A.weight")
      }
      return nil
    }
    guard let a = halves.a else { throw missing("a") }
    guard let b = halves.b else { throw missing("b") }
    if a.shape.contains(0) || b.shape.contains(0) {
      throw AdapterError.unsupportedTarget(
        adapter: file.path, tensor: module,
        reason:
          "its factors are empty, as when DeepSpeed has not gathered them before saving; save the adapter again "
          + "with them (stage3_gather_16bit_weights_on_model_save)")
    }
    try configuration.checkIsTarget(module, tensor: a.name)
    if isEmbedding, configuration.invocationTokens != nil {
      throw AdapterError.contradiction(
        file: configuration.path,
        what:
          "alora_invocation_tokens is set and there is a tensor '\(a.name)', but PEFT does not allow activated "
          + "adapters of an embedding")
    }
    // Both halves are `rank` long in one dimension: A in its rows, B in its columns.
    guard a.shape.count == 2, b.shape.count == 2, a.shape[0] == b.shape[1], a.shape[0] > 0 else {
      throw AdapterError.rankMismatch(file: file.path, tensor: module, a: a.shape, b: b.shape)
    }
    let rank = configuration.rank(of: module)
    guard a.shape[0] == rank else {
      throw AdapterError.contradiction(
        file: configuration.path,
        what: "'\(a.name)' has rank \(a.shape[0]), but the configuration says \(rank)")
    }
    try expect(parts[.magnitude], configuration.hasMagnitudes, "use_dora", missing("magnitude"))
    if !isEmbedding {
      try expect(parts[.factorBias], configuration.hasFactorBias, "lora_bias", missing("b bias"))
    }
    let factor = try matrix(a)
    return LowRankPair(
      tensor: module, a: isEmbedding ? factor.transposed() : factor, b: try matrix(b),
      scaling: configuration.scaling(of: module), bias: try parts[.factorBias].map(vector),
      magnitude: try parts[.magnitude].map(vector))
  }

  /// The pairs of a fused parameter of all experts: A is `(experts × rank) × inputs`, B `outputs × (rank × experts)`.
  /// Source: `ParamWrapper.get_delta_weight` in PEFT.
  private mutating func experts(
    _ fused: FusedExperts, _ parts: [Part: SafeTensorInfo]
  ) throws -> [LowRankPair] {
    guard let a = parts[.a] else { throw missingHalf(fused.parameter, "a") }
    guard let b = parts[.b] else { throw missingHalf(fused.parameter, "b") }
    // PEFT knows parameters with nothing but factors.
    let known: Set<Part> = [.a, .b, .baseWeight, .baseBias]
    if let other = parts.filter({ !known.contains($0.key) }).map(\.value.name).min() {
      throw AdapterError.unsupportedTarget(
        adapter: file.path, tensor: other,
        reason: "a fused parameter of experts (target_parameters) has two factors and nothing else")
    }
    let rank = configuration.rank(of: fused.parameter)
    guard a.shape.count == 2, b.shape.count == 2, a.shape[0] == b.shape[1], a.shape[0] > 0,
      a.shape[0] % rank == 0, b.shape[0] % fused.projections.count == 0
    else {
      throw AdapterError.rankMismatch(file: file.path, tensor: fused.parameter, a: a.shape, b: b.shape)
    }
    let count = a.shape[0] / rank, outputs = b.shape[0] / fused.projections.count
    try checkCount(of: fused.parameter, experts: count)
    expertCounts["\(fused.module).0.\(fused.projections[0])"] = count
    let left = try matrix(a), right = try matrix(b)
    return (0..<count).flatMap { expert in
      let ownA = left.slice(rows: expert * rank..<(expert + 1) * rank)
      let ownB = right.gatheringColumns((0..<rank).map { $0 * count + expert })
      return fused.projections.enumerated().map { index, projection in
        LowRankPair(
          tensor: "\(fused.module).\(expert).\(projection)", a: ownA,
          b: ownB.slice(rows: index * outputs..<(index + 1) * outputs),
          scaling: configuration.scaling(of: fused.parameter))
      }
    }
  }

  /// Each expert becomes changes of its own, which are many times as large as a short row.
  private func checkCount(of tensor: String, experts count: Int) throws(AdapterError) {
    guard count <= LowRankPair.expertLimit else {
      throw .unsupportedTarget(
        adapter: file.path, tensor: tensor,
        reason: "it has \(count) experts, but at most \(LowRankPair.expertLimit) are allowed")
    }
  }

  private func missingHalf(_ module: String, _ role: String, isEmbedding: Bool = false) -> AdapterError {
    .missingHalf(
      file: file.path, tensor: module,
      half: Adapter.Naming.peft.name(of: module, role, isEmbedding: isEmbedding))
  }

  /// A tensor that must be there exactly if a field says so.
  private func expect(
    _ tensor: SafeTensorInfo?, _ isWanted: Bool, _ field: String, _ missing: AdapterError
  ) throws(AdapterError) {
    if isWanted, tensor == nil { throw missing }
    if !isWanted, let tensor {
      throw .contradiction(
        file: configuration.path, what: "there is a tensor '\(tensor.name)', but \(field) is not set")
    }
  }

  private mutating func replacements(_ module: String, _ tensor: SafeTensorInfo) throws -> [Change] {
    switch tensor.shape.count {
    case 1: return [.norm(tensor: module, try vector(tensor))]
    case 2:
      return [
        .matrix(tensor: module, try matrix(tensor), expert: nil, tiesOutput: configuration.tiesWeights)
      ]
    case 3 where FusedExperts.isParameter(module): return try experts(module, tensor)
    default:
      throw AdapterError.unsupportedTarget(
        adapter: file.path, tensor: tensor.name, reason: "it has \(tensor.shape.count) dimensions")
    }
  }

  /// The matrices of a fused parameter of all experts, `experts × outputs × inputs`.
  private mutating func experts(_ parameter: String, _ tensor: SafeTensorInfo) throws -> [Change] {
    let projections = FusedExperts.projections(of: parameter)
    let count = tensor.shape[0], rows = tensor.shape[1]
    try checkCount(of: tensor.name, experts: count)
    guard rows % projections.count == 0 else {
      throw AdapterError.unsupportedTarget(
        adapter: file.path, tensor: tensor.name,
        reason: "its \(rows) rows are not those of \(projections.joined(separator: " and "))")
    }
    let all = try view(tensor, rows: count * rows, columns: tensor.shape[2])
    let outputs = rows / projections.count, owner = FusedExperts.module(of: parameter)
    expertCounts["\(owner).0.\(projections[0])"] = count
    return (0..<count).flatMap { expert in
      projections.enumerated().map { index, projection in
        let first = expert * rows + index * outputs
        return Change.matrix(
          tensor: "\(owner).\(expert).\(projection)", all.slice(rows: first..<first + outputs), expert: nil,
          tiesOutput: false)
      }
    }
  }

  private func trainedTokens(_ module: String, _ tensor: SafeTensorInfo) throws -> Change {
    let key = "trainable_token_indices"
    let entry = configuration.tokens.first { PEFTConfiguration.names(module, $0.module) }
    guard let indices = entry?.indices else {
      throw AdapterError.contradiction(
        file: configuration.path, what: "there is a tensor '\(tensor.name)', but \(key) is not set")
    }
    guard tensor.shape.count == 2, tensor.shape[0] == indices.count else {
      throw AdapterError.contradiction(
        file: configuration.path,
        what: "'\(tensor.name)' is \(tensor.shape), but \(key) lists \(indices.count) tokens")
    }
    let ascending = indices.enumerated().sorted { $0.element < $1.element }
    let rows = try matrix(tensor).gathering(ascending.map(\.offset))
    return .rows(
      tensor: module, ascending.map(\.element), rows,
      tiesOutput: !configuration.tokens.contains { $0.module.hasSuffix("lm_head") })
  }

  private func vector(_ tensor: SafeTensorInfo) throws -> WeightMatrix {
    // A magnitude may be stored as a column or a row.
    guard tensor.shape.filter({ $0 != 1 }).count <= 1, let count = tensor.shape.max() else {
      throw AdapterError.unsupportedTarget(
        adapter: file.path, tensor: tensor.name, reason: "it is \(tensor.shape), expected one dimension")
    }
    // `[0, 1]` has no value, though its largest dimension is 1.
    return try view(tensor, rows: 1, columns: tensor.shape.contains(0) ? 0 : count)
  }

  private func matrix(_ tensor: SafeTensorInfo) throws -> WeightMatrix {
    try view(tensor, rows: tensor.shape[0], columns: tensor.shape[1])
  }

  private func view(_ tensor: SafeTensorInfo, rows: Int, columns: Int) throws -> WeightMatrix {
    let type: TensorType
    switch tensor.type {
    case .f32: type = .f32
    case .f16: type = .f16
    case .bf16: type = .bf16
    default:
      throw AdapterError.unsupportedFactorType(
        file: file.path, tensor: tensor.name, type: tensor.type.rawValue)
    }
    guard rows > 0, columns > 0 else {
      throw AdapterError.unsupportedTarget(adapter: file.path, tensor: tensor.name, reason: "it is empty")
    }
    return try WeightMatrix(file.bytes(of: tensor), owner: file, type: type, rows: rows, columns: columns)
      .aligned()
  }
}

extension Change {
  /// Does it bring a row for a token, in an embedding or an output?
  fileprivate func hasRow(of id: Int) -> Bool {
    let isEmbedding = tensor.hasSuffix("embed_tokens")
    guard isEmbedding || tensor.hasSuffix("lm_head") else { return false }
    switch self {
    case .matrix(_, let matrix, _, _): return matrix.rows > id
    case .lowRank(let pair): return (isEmbedding ? pair.a : pair.b).rows > id
    case .rows(_, let rows, _, _): return rows.contains(id)
    case .norm, .bias: return false
    }
  }

  /// Are these the trained tokens of a module that the configuration names?
  fileprivate func trains(_ module: String) -> Bool {
    guard case .rows(let tensor, _, _, _) = self else { return false }
    return PEFTConfiguration.names(tensor, module)
  }
}
