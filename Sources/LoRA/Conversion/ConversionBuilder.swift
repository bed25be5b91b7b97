import GGUF
import Kernels

/// Turns an adapter's changes into the tensors and keys of a GGUF file.
struct ConversionBuilder {
  private let adapter: Adapter
  private let target: ConversionTarget
  private let type: TensorType
  let alpha: Float?
  private(set) var tensors: [ConvertedTensor] = []
  private(set) var keys: [(key: String, value: MetadataValue)] = []
  private var tied: [String] = []
  private var folded = 0
  private var named = 0
  private var listed = 0
  private var beyond: [String] = []

  /// Pairs of one tensor: one, or those of its experts.
  private struct Group {
    let tensor: String
    /// 0 of a matrix.
    var experts = 0
    var pairs: [(expert: Int, pair: LowRankPair)] = []

    var rank: Int { pairs.map(\.pair.rank).max() ?? 1 }
  }
  private let groups: [String: Group]

  init(_ adapter: Adapter, _ target: ConversionTarget, _ type: TensorType) throws(AdapterError) {
    self.adapter = adapter
    self.target = target
    self.type = type
    groups = try Self.grouped(adapter, target)
    alpha = Self.alpha(groups.values, adapter)
  }

  private static func grouped(
    _ adapter: Adapter, _ target: ConversionTarget
  ) throws(AdapterError) -> [String: Group] {
    var groups: [String: Group] = [:]
    for change in adapter.changes {
      guard let pair = change.pair else { continue }
      let found = try target.tensor(of: change, adapter)
      var group = groups[found.name] ?? Group(tensor: found.name)
      if case .stack(let count) = pair.part {
        group.experts = count
        for (expert, part) in pair.experts.enumerated() { group.pairs.append((expert, part)) }
      } else {
        if found.expert != nil, group.experts == 0 {
          group.experts = try target.expertCount(of: found.name, adapter)
        }
        group.pairs.append((found.expert ?? 0, pair))
      }
      groups[found.name] = group
    }
    return groups
  }

  // MARK: Scale

  /// The alpha with which `alpha / rank` is a pair's scale.
  private static func alpha(of pair: LowRankPair, rank: Int) -> Float {
    guard rank == pair.rank else { return pair.effectiveScale(1) * Float(rank) }
    return switch pair.scaling {
    case .none: Float(rank)
    case .alpha(let alpha): alpha
    case .rankStabilized(let alpha): alpha * Float(rank).squareRoot()
    }
  }

  /// The most frequent one that is not 0, which would mean that there is none; nil: no pair has a scale.
  private static func alpha(_ groups: some Collection<Group>, _ adapter: Adapter) -> Float? {
    var counts: [Float: Int] = [:]
    var isScaled = false
    for group in groups {
      let rank = group.rank
      for (_, pair) in group.pairs {
        if pair.scaling != .none || pair.rank != rank { isScaled = true }
        let alpha = alpha(of: pair, rank: rank)
        if alpha != 0 { counts[alpha, default: 0] += 1 }
      }
    }
    guard isScaled else { return nil }
    return counts.max { ($0.value, -$0.key) < ($1.value, -$1.key) }?.key ?? 1
  }

  private func ratio(_ pair: LowRankPair, rank: Int) -> Float {
    alpha.map { Self.alpha(of: pair, rank: rank) / $0 } ?? 1
  }

  // MARK: Changes

  mutating func addAll() throws(AdapterError) {
    var done: Set<String> = []
    for change in adapter.changes {
      let found = try target.tensor(of: change, adapter)
      let name = found.name
      switch change {
      case .lowRank:
        guard done.insert(name).inserted, let group = groups[name] else { continue }
        if group.experts == 0 { try addPair(group) } else { try addStack(group) }
      case .matrix(_, let weight, _, let tiesOutput):
        note("replaced matrices")
        let ordered = try reordered(weight, name)
        let place = found.expert.map { "\(name).\($0)" } ?? name
        tensors.append(
          ConvertedTensor(place + OwnTensors.replacement, [weight.columns, weight.rows], type, [ordered]))
        if tiesOutput { tied.append(name) }
      case .rows(_, let rows, let values, let tiesOutput):
        note("trained tokens")
        keys.append((OwnTensors.rowsKey(name), .array(.uint32(rows.map { UInt32(truncatingIfNeeded: $0) }))))
        tensors.append(
          ConvertedTensor(name + OwnTensors.rows, [values.columns, values.rows], type, [values]))
        if tiesOutput { tied.append(name) }
      case .norm(_, let weight):
        note("replaced norms")
        let offset = target.normOffset(adapter)
        tensors.append(
          ConvertedTensor(name + OwnTensors.replacement, weight.dequantized().map { $0 + offset }))
      case .bias(_, let weight):
        note("replaced biases")
        let bias = String(name.dropLast("weight".count)) + "bias" + OwnTensors.replacement
        tensors.append(ConvertedTensor(bias, try reordered(weight.dequantized(), name)))
      }
    }
    try addTokens()
    if !tied.isEmpty { keys.append((OwnTensors.tiedKey, .array(.string(tied)))) }
  }

  private mutating func addTokens() throws(AdapterError) {
    let tokens = target.addedTokens(of: adapter)
    if tokens.isEmpty { return }
    if let size = target.vocabularySize {
      if tokens.contains(where: { $0.id >= size }) {
        note("added tokens")
      } else if target.hasOtherHeights(adapter) {
        note("matrices for fewer tokens")
      } else {
        named = tokens.count
      }
    } else {
      listed = tokens.count
    }
    keys.append(
      (OwnTensors.tokenIDsKey, .array(.uint32(tokens.map { UInt32(truncatingIfNeeded: $0.id) }))))
    keys.append((OwnTensors.tokenTextsKey, .array(.string(tokens.map(\.text)))))
    keys.append((OwnTensors.tokenSpecialsKey, .array(.bool(tokens.map(\.isSpecial)))))
    let changesOutput = tensors.contains { $0.name.hasPrefix("output.weight") }
    let changesEmbedding = tensors.contains { $0.name.hasPrefix("token_embd.weight") }
    for change in adapter.changes {
      guard change.pair != nil, let whole = adapter.trainedOn[change.tensor] else { continue }
      let added = try target.addedRows(whole, adapter)
      if added.isEmpty { continue }
      var name = try target.tensor(of: change, adapter).name
      // They are rows of the one matrix that the model has.
      let isOfBoth = target.isOutputTied && !changesEmbedding
      if isOfBoth { name = "token_embd.weight" }
      keys.append((OwnTensors.rowsKey(name), .array(.uint32(added.map { UInt32(truncatingIfNeeded: $0) }))))
      tensors.append(
        ConvertedTensor(
          name + OwnTensors.rows, [whole.columns, added.count], type, [whole.slice(rows: added)]))
      if isOfBoth || !changesOutput { tied.append(name) }
    }
  }

  private mutating func note(_ what: String) {
    if !beyond.contains(what) { beyond.append(what) }
  }

  private mutating func addPair(_ group: Group) throws(AdapterError) {
    guard let pair = group.pairs.first?.pair, group.pairs.count == 1 else {
      throw .contradiction(file: adapter.path, what: "it changes '\(group.tensor)' twice")
    }
    let ratio = ratio(pair, rank: pair.rank)
    if ratio != 1 { folded += 1 }
    tensors.append(
      ConvertedTensor(group.tensor + ".lora_a", [pair.a.columns, pair.a.rows], type, [pair.a]))
    tensors.append(
      ConvertedTensor(
        group.tensor + ".lora_b", [pair.b.columns, pair.b.rows], type, [try reordered(pair.b, group.tensor)],
        factors: [ratio]))
    if let bias = pair.bias {
      note("biases of factors")
      let values = bias.dequantized().map { $0 * ratio }
      tensors.append(
        ConvertedTensor(group.tensor + OwnTensors.factorBias, try reordered(values, group.tensor)))
    }
    if let magnitude = pair.magnitude {
      note("magnitudes (DoRA)")
      tensors.append(
        ConvertedTensor(
          group.tensor + OwnTensors.magnitude, try reordered(magnitude.dequantized(), group.tensor)))
    }
  }

  private mutating func addStack(_ group: Group) throws(AdapterError) {
    let rank = group.rank
    guard let first = group.pairs.first?.pair else { return }
    guard Set(group.pairs.map(\.expert)).count == group.pairs.count else {
      throw .contradiction(file: adapter.path, what: "it changes an expert of '\(group.tensor)' twice")
    }
    let inputs = first.a.columns, outputs = first.b.rows
    var a = [WeightMatrix](
      repeating: WeightMatrix(rows: rank, columns: inputs, .init(repeating: 0, count: rank * inputs)),
      count: group.experts)
    var b = [WeightMatrix](
      repeating: WeightMatrix(rows: outputs, columns: rank, .init(repeating: 0, count: rank * outputs)),
      count: group.experts)
    var factors = [Float](repeating: 1, count: group.experts)
    for (expert, pair) in group.pairs {
      a[expert] = pair.a.padded(rows: rank, columns: inputs)
      b[expert] = pair.b.padded(rows: outputs, columns: rank)
      factors[expert] = ratio(pair, rank: rank)
      if factors[expert] != 1 { folded += 1 }
    }
    tensors.append(ConvertedTensor(group.tensor + ".lora_a", [inputs, rank, group.experts], type, a))
    tensors.append(
      ConvertedTensor(group.tensor + ".lora_b", [rank, outputs, group.experts], type, b, factors: factors))
    try addStackVectors(group, OwnTensors.factorBias, "biases of factors", outputs) { pair, expert in
      pair.bias?.dequantized().map { $0 * factors[expert] }
    }
    try addStackVectors(group, OwnTensors.magnitude, "magnitudes (DoRA)", outputs) { pair, _ in
      pair.magnitude?.dequantized()
    }
  }

  /// One vector for each expert, of all or none: there is no way to say that one has none.
  private mutating func addStackVectors(
    _ group: Group, _ suffix: String, _ what: String, _ count: Int, _ values: (LowRankPair, Int) -> [Float]?
  ) throws(AdapterError) {
    var all = [[Float]?](repeating: nil, count: group.experts)
    for (expert, pair) in group.pairs { all[expert] = values(pair, expert) }
    let found = all.compactMap { $0 }
    if found.isEmpty { return }
    guard found.count == group.experts else {
      throw .unsupportedTarget(
        adapter: adapter.path, tensor: group.tensor, reason: "only some of its experts have \(what)")
    }
    note(what)
    let weight = WeightMatrix(rows: group.experts, columns: count, found.flatMap { $0 })
    tensors.append(ConvertedTensor(group.tensor + suffix, [count, group.experts], .f32, [weight]))
  }

  private func reordered(_ matrix: WeightMatrix, _ tensor: String) throws(AdapterError) -> WeightMatrix {
    try target.rowSources(of: tensor, rows: matrix.rows, adapter).map { matrix.gathering($0) } ?? matrix
  }

  private func reordered(_ values: [Float], _ tensor: String) throws(AdapterError) -> [Float] {
    try target.rowSources(of: tensor, rows: values.count, adapter).map { sources in
      sources.map { values[$0] }
    } ?? values
  }

  var notes: [ConversionNote] {
    let unblocked = tensors.count { $0.type == .f16 && type == .q8_0 }
    return (beyond.isEmpty ? [] : [.beyondLlamaCpp(what: beyond)])
      + (folded > 0 ? [.folded(pairs: folded)] : [])
      + (named > 0 ? [.names(tokens: named)] : []) + (listed > 0 ? [.listed(tokens: listed)] : [])
      + (unblocked > 0 ? [.unblocked(tensors: unblocked, type: type.name)] : [])
  }
}

extension WeightMatrix {
  /// The matrix with zeros to the right and below, as float32; itself where there is nothing to add.
  fileprivate func padded(rows: Int, columns: Int) -> WeightMatrix {
    if rows == self.rows, columns == self.columns { return self }
    let own = dequantized()
    var values = [Float](repeating: 0, count: rows * columns)
    for row in 0..<self.rows {
      for column in 0..<self.columns { values[row * columns + column] = own[row * self.columns + column] }
    }
    return WeightMatrix(rows: rows, columns: columns, values)
  }
}
