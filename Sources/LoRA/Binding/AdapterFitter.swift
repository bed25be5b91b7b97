import Kernels
import Transformer

/// Fits an adapter's changes to a model: finds each one's site, checks every shape, and brings rows into the order in which
/// the model's file has them.
struct AdapterFitter {
  let adapter: Adapter
  let decoder: Decoder
  let cache: BindingCache
  let names: ModuleNames
  private let largestRank: Int
  /// nil: the adapter does not say which tokens it was trained with, so it has as many as the model.
  let vocabulary: ModelVocabulary?

  init(_ adapter: Adapter, _ decoder: Decoder, _ cache: BindingCache) {
    self.adapter = adapter
    self.decoder = decoder
    self.cache = cache
    names = ModuleNames(architecture: decoder.hyperparameters.architecture)
    vocabulary = adapter.addedTokens.isEmpty ? nil : cache.vocabulary(of: decoder)
    // A factor's rows are read through scratch memory made for the model's own: longer ones would not fit. No matrix has
    // a greater rank than its inputs, so nothing is lost.
    largestRank = min(1 << 16, decoder.hyperparameters.widestInput)
  }

  /// What fits, and everything that does not, in the order of the adapter's changes; and the tokens that the model lacks.
  func fit() -> (changes: [FittedChange], problems: [AdapterError], tokens: [AddedToken]) {
    if let architecture = adapter.architecture, architecture != decoder.hyperparameters.architecture {
      return (
        [],
        [
          .wrongArchitecture(
            adapter: adapter.path, expected: decoder.hyperparameters.architecture, found: architecture)
        ], []
      )
    }
    var changes: [FittedChange] = []
    var problems: [AdapterError] = []
    for (index, change) in adapter.changes.enumerated() {
      do throws(AdapterError) { changes += try fit(change, index) } catch { problems.append(error) }
    }
    for (module, count) in adapter.expertCounts.sorted(by: { $0.key < $1.key }) {
      guard let tensor = names.tensor(of: module), let sites = decoder.weights.sites(named: tensor.name),
        sites.count > count
      else { continue }
      problems.append(
        .unsupportedTarget(
          adapter: adapter.path, tensor: module,
          reason: "it is one of \(count) experts, but the model has \(sites.count) there"))
    }
    let tokenCount = max(
      decoder.hyperparameters.vocabularySize, (adapter.addedTokens.last?.id).map { $0 + 1 } ?? 0)
    if let token = adapter.invocationTokens?.first(where: { Int($0) >= tokenCount }) {
      problems.append(.invocationToken(adapter: adapter.path, token: Int(token), tokens: tokenCount))
    }
    var tokens: [AddedToken] = []
    // Rows that are missing because their change does not fit are no news.
    if problems.isEmpty, let vocabulary {
      var fitter = TokenFitter(adapter, vocabulary)
      for change in changes { fitter.count(change, at: decoder.weights.sites[change.site]) }
      do throws(AdapterError) { tokens = try fitter.tokens() } catch { problems.append(error) }
    }
    return (changes, problems, tokens)
  }

  private func fit(_ change: Change, _ index: Int) throws(AdapterError) -> [FittedChange] {
    let (sites, expert) = try self.sites(of: change)
    let number = sites.lowerBound + (expert ?? 0)
    let site = decoder.weights.sites[number]
    if case .lowRank(let pair) = change {
      let count = site.expert == nil || expert != nil ? nil : sites.count
      return try fit(pair, site, stack: count, index).enumerated().map { .lowRank(site: number + $0, $1) }
        + addedRows(pair, site, number)
    }
    if site.expert != nil {
      guard case .matrix = change, expert != nil else {
        throw .unsupportedTarget(
          adapter: adapter.path, tensor: change.tensor,
          reason: "of experts, only low-rank factors and matrices of single ones are")
      }
    }
    switch change {
    case .lowRank: return []
    case .matrix(let tensor, let weight, _, let tiesOutput):
      guard site.kind != .norm else { throw shapeMismatch(tensor, "weight", [1, site.inputs], weight) }
      try checkVocabulary(site, tensor, tokens: weight.rows, columns: weight.columns)
      try expect(weight, rows: height(site, weight.rows), columns: site.inputs, tensor, "weight")
      let ordered = reordered(weight, site, index, .weight)
      return [.matrix(site: number, ordered)]
        + (tiesOutput ? tiedOutput(to: site).map { [.matrix(site: $0, ordered)] } ?? [] : [])
    case .rows(let tensor, let rows, let values, let tiesOutput):
      guard site.kind == .embedding || site.kind == .output else {
        throw .unsupportedTarget(
          adapter: adapter.path, tensor: tensor, reason: "only tokens have trained rows")
      }
      if let last = rows.last, last >= site.outputs, vocabulary == nil {
        throw .vocabularyMismatch(
          adapter: adapter.path, tensor: tensor, expected: site.outputs, found: last + 1)
      }
      try expect(values, rows: rows.count, columns: site.inputs, tensor, "rows")
      return [.rows(site: number, rows, values)]
        + (tiesOutput ? tiedOutput(to: site).map { [.rows(site: $0, rows, values)] } ?? [] : [])
    case .norm(let tensor, let weight):
      guard site.kind == .norm else {
        throw .unsupportedTarget(
          adapter: adapter.path, tensor: tensor, reason: "it has one dimension, but the model's has two")
      }
      try expect(weight, rows: 1, columns: site.inputs, tensor, "norm")
      var values = weight.dequantized()
      if adapter.naming == .peft, names.normsAreOffsets { values = values.map { $0 + 1 } }
      return [.norm(site: number, Matrix(rows: 1, columns: values.count, values))]
    case .bias(let tensor, let weight):
      guard site.kind == .linear || site.kind == .output else {
        throw .unsupportedTarget(adapter: adapter.path, tensor: tensor, reason: "it has no bias")
      }
      try expect(weight, rows: 1, columns: site.outputs, tensor, "bias")
      var values = adapter.naming.ordered(weight.dequantized(), site)
      if let base = decoder.bias(of: site) {
        for row in values.indices { values[row] -= base[row] }
      }
      return [.bias(site: number, Matrix(rows: 1, columns: values.count, values))]
    }
  }

  /// The model's tensor that a change is for; nil: none is known by this name.
  func tensor(of change: Change) -> ModuleNames.Tensor? {
    let expert = change.expert
    if adapter.naming != .peft { return ModuleNames.Tensor(name: change.tensor, expert: expert) }
    return cache.tensor(of: change.tensor, names).map {
      ModuleNames.Tensor(name: $0.name, expert: $0.expert ?? expert)
    }
  }

  /// The sites of a change's tensor (one, or one for each expert of a stack), and the one expert that it is for.
  private func sites(of change: Change) throws(AdapterError) -> (Range<Int>, expert: Int?) {
    guard let tensor = tensor(of: change), let sites = decoder.weights.sites(named: tensor.name) else {
      if let instead = names.otherProjections(of: change.tensor, in: decoder.weights) {
        throw .otherProjections(adapter: adapter.path, tensor: change.tensor, instead: instead)
      }
      throw .unknownTarget(adapter: adapter.path, tensor: change.tensor)
    }
    let experts = decoder.weights.sites[sites.lowerBound].expert == nil ? 0 : sites.count
    if let expert = tensor.expert, !(0..<experts).contains(expert) {
      throw .unsupportedTarget(
        adapter: adapter.path, tensor: change.tensor,
        reason: "it is for expert \(expert), but the model has \(experts) there, numbered from 0")
    }
    return (sites, tensor.expert)
  }

  /// The output's site, if the model ties it to the embedding.
  func tiedOutput(to site: Site) -> Int? {
    guard site.kind == .embedding, decoder.isOutputTied else { return nil }
    return decoder.site(named: "output.weight")
  }

  /// One pair, or one for each of the `stack` experts at whose first the site is.
  private func fit(
    _ pair: LowRankPair, _ site: Site, stack: Int?, _ index: Int
  ) throws(AdapterError) -> [FittedPair] {
    guard site.kind != .norm else {
      throw .unsupportedTarget(
        adapter: adapter.path, tensor: pair.tensor, reason: "it is a norm, which has no low-rank form")
    }
    guard pair.rank <= largestRank else {
      throw .rankTooLarge(
        adapter: adapter.path, tensor: pair.tensor, limit: largestRank, found: pair.rank)
    }
    if site.kind == .embedding {
      guard pair.bias == nil else {
        throw .unsupportedTarget(
          adapter: adapter.path, tensor: adapter.naming.name(of: pair.tensor, "b bias"),
          reason: "the factors of an embedding have no bias")
      }
      try fitEmbedding(pair, site)
      let magnitude = try vector(pair.magnitude, site.inputs, pair.tensor, "magnitude")
      return [FittedPair(pair: pair, bias: nil, magnitude: magnitude, index: index)]
    }
    try checkVocabulary(site, pair.tensor, tokens: pair.b.rows, columns: site.inputs)
    try expect(pair.a, rows: pair.rank, columns: site.inputs, pair, "a", stack: stack)
    let height = height(site, pair.b.rows)
    try expect(pair.b, rows: height, columns: pair.rank, pair, "b", stack: stack)
    if stack != nil {
      var fitted: [FittedPair] = []
      for (number, expert) in pair.experts.enumerated() {
        fitted.append(
          FittedPair(
            pair: expert, bias: try vector(expert.bias, site.outputs, pair.tensor, "b bias"),
            magnitude: try vector(expert.magnitude, site.outputs, pair.tensor, "magnitude"),
            index: index + (number + 1) * adapter.changes.count))
      }
      return fitted
    }
    let bias = try vector(pair.bias, height, pair.tensor, "b bias")
    let magnitude = try vector(pair.magnitude, height, pair.tensor, "magnitude")
    let b =
      pair.b.rows < site.outputs ? lengthened(pair.b, site, index) : reordered(pair.b, site, index, .factor)
    let ordered = LowRankPair(
      tensor: pair.tensor, a: pair.a, b: b, part: pair.part,
      scaling: pair.scaling)
    return [
      FittedPair(
        pair: ordered, bias: bias, magnitude: magnitude, index: index)
    ]
  }

  /// A pair for one expert is as one for a matrix of its own; otherwise a stack needs a stack of as many experts.
  private func expect(
    _ matrix: WeightMatrix, rows: Int, columns: Int, _ pair: LowRankPair, _ role: String, stack: Int?
  ) throws(AdapterError) {
    let count: Int? = if case .stack(let experts) = pair.part { experts } else { nil }
    guard matrix.rows != rows * (stack ?? 1) || matrix.columns != columns || count != stack else { return }
    throw .shapeMismatch(
      adapter: adapter.path, tensor: adapter.naming.name(of: pair.tensor, role),
      expected: adapter.naming.shape(rows: rows, columns: columns, stack: stack),
      found: adapter.naming.shape(rows: matrix.rows / (count ?? 1), columns: matrix.columns, stack: count))
  }

  /// `site.inputs` is the embedding's length, `site.outputs` the number of tokens.
  private func fitEmbedding(_ pair: LowRankPair, _ site: Site) throws(AdapterError) {
    let expected = adapter.naming.shape(rows: site.outputs, columns: pair.rank)
    let found = adapter.naming.shape(rows: pair.a.rows, columns: pair.a.columns)
    if adapter.naming != .peft, found != expected, found == expected.reversed() {
      throw .notTransposed(
        adapter: adapter.path, tensor: adapter.naming.name(of: pair.tensor, "a"), expected: expected,
        found: found)
    }
    if adapter.naming == .peft {
      try checkVocabulary(site, pair.tensor, tokens: pair.a.rows, columns: site.inputs)
    }
    let height = height(site, pair.a.rows)
    try expect(pair.a, rows: height, columns: pair.rank, pair.tensor, "a", isEmbedding: true)
    try expect(pair.b, rows: site.inputs, columns: pair.rank, pair.tensor, "b", isEmbedding: true)
  }

  // MARK: Shapes

  func expect(
    _ matrix: WeightMatrix, rows: Int, columns: Int, _ tensor: String, _ role: String,
    isEmbedding: Bool = false
  ) throws(AdapterError) {
    guard matrix.rows != rows || matrix.columns != columns else { return }
    throw shapeMismatch(tensor, role, [rows, columns], matrix, isEmbedding: isEmbedding)
  }

  private func shapeMismatch(
    _ tensor: String, _ role: String, _ expected: [Int], _ found: WeightMatrix, isEmbedding: Bool = false
  ) -> AdapterError {
    func shape(_ rows: Int, _ columns: Int) -> [Int] {
      if ["norm", "bias", "b bias", "magnitude"].contains(role) { return [columns] }
      // PEFT stores an embedding's A the other way round.
      return adapter.naming == .peft && isEmbedding && role == "a"
        ? [columns, rows] : adapter.naming.shape(rows: rows, columns: columns)
    }
    return .shapeMismatch(
      adapter: adapter.path, tensor: adapter.naming.name(of: tensor, role, isEmbedding: isEmbedding),
      expected: shape(expected[0], expected[1]), found: shape(found.rows, found.columns))
  }

  private func vector(
    _ matrix: WeightMatrix?, _ count: Int, _ tensor: String, _ role: String
  ) throws(AdapterError) -> WeightMatrix? {
    guard let matrix else { return nil }
    try expect(matrix, rows: 1, columns: count, tensor, role)
    return matrix
  }

  // MARK: Row order

  private func reordered(
    _ matrix: WeightMatrix, _ site: Site, _ index: Int, _ role: BindingCache.Role
  ) -> WeightMatrix {
    guard adapter.naming == .peft, site.rowOrder.moves(rows: matrix.rows) else { return matrix }
    return cache.matrix(adapter.contentHash, index, role) {
      site.rowOrder.sources(rows: matrix.rows).map(matrix.gathering) ?? matrix
    }
  }
}

extension Adapter.Naming {
  /// One value for each of a site's rows, in the order of the model's file.
  func ordered(_ values: [Float], _ site: Site) -> [Float] {
    guard self == .peft, let order = site.rowOrder.sources(rows: values.count) else { return values }
    return order.map { values[$0] }
  }
}

extension Site.RowOrder {
  /// Has the model's file so many rows in another order than training?
  func moves(rows: Int) -> Bool {
    if case .rotaryPairs(let heads) = self { rows % (2 * heads) == 0 } else { false }
  }

  /// For each row of the model's file, the row that it was in training; nil: the same.
  ///
  /// A head's first half and second half alternate in the file: rows `i` and `i + n/2` become `2i` and `2i + 1`. Source:
  /// the `permute` of llama.cpp's converter.
  func sources(rows: Int) -> [Int]? {
    guard case .rotaryPairs(let heads) = self, moves(rows: rows) else { return nil }
    let size = rows / heads
    return (0..<rows).map { row in
      let place = row % size
      return row - place + (place % 2) * (size / 2) + place / 2
    }
  }
}

extension Decoder {
  var isOutputTied: Bool { file.tensor("output.weight") == nil }

  /// The model's own matrix at a site, `outputs × inputs`.
  func matrix(of site: Site) -> WeightMatrix? {
    let name = site.kind == .output && isOutputTied ? "token_embd.weight" : site.tensor
    return file.tensor(name).flatMap { tensor in
      let all = try? WeightMatrix(
        file.bytes(of: tensor), owner: file, type: tensor.type,
        rows: tensor.dimensions.dropFirst().reduce(1, *), columns: site.inputs)
      let first = (site.expert ?? 0) * site.outputs
      return all?.slice(rows: first..<first + site.outputs)
    }
  }

  /// The model's own bias at a site, or nil.
  func bias(of site: Site) -> [Float]? {
    guard site.tensor.hasSuffix(".weight"),
      let tensor = file.tensor(site.tensor.dropLast("weight".count) + "bias")
    else { return nil }
    let vector = try? WeightMatrix(
      file.bytes(of: tensor), owner: file, type: tensor.type, rows: 1, columns: site.outputs)
    return vector?.dequantized()
  }
}
