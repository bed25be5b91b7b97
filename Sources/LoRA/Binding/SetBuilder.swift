import Kernels
import Transformer

/// Puts the fitted changes of several adapters together, site by site.
///
/// Low-rank factors add up. What replaces (matrices, rows, norms, biases) replaces whole, whatever the scale: two adapters
/// that replace one thing are in conflict unless they are the same. Of DoRA, each adapter changes the base's own product:
/// `y = W·x + Σᵢ ((gᵢ - 1) ⊙ W·x + gᵢ ⊙ sᵢ BᵢAᵢ·x)`.
struct SetBuilder {
  struct Place {
    var segments: [LowRankDelta.Segment] = []
    /// Of the only DoRA adapter here, shared with its segment; of several their sum.
    var gain: Matrix?
    /// Of the only adapter with one here, shared with the cache; of several their sum.
    var bias: Matrix?
    var matrix: WeightMatrix?
    var rows: [Int: [Float]] = [:]
    /// Who changes the matrix as a whole, and who its rows, its bias, its scale, and who adds rows behind it.
    var owners: [Claim: Adapter] = [:]

    var isEmpty: Bool {
      segments.isEmpty && gain == nil && bias == nil && matrix == nil && rows.isEmpty
    }
  }

  enum Claim { case matrix, rows, addedRows, bias, norm, magnitude }

  private let decoder: Decoder
  private let cache: BindingCache
  private var places: [Place]
  private var norms: [Int: Matrix] = [:]
  private var tokens: [Int: (token: AddedToken, adapter: Adapter)] = [:]
  private var tokenIDs: [String: Int] = [:]
  /// Of the adapter that is being added, by `FittedPair.index`.
  private var packed: [Int: PackedPair] = [:]
  /// Were factors packed that had not been before?
  private(set) var hasPacked = false

  init(_ decoder: Decoder, _ cache: BindingCache) {
    self.decoder = decoder
    self.cache = cache
    places = .init(repeating: Place(), count: decoder.weights.sites.count)
  }

  /// Adds an adapter at a scale that is not 0.
  mutating func add(_ changes: [FittedChange], _ adapter: Adapter, scale: Float) throws(AdapterError) {
    pack(changes, adapter)
    // Norms of an adapted matrix are also over the rows that the adapter adds to it.
    for case .rows(let site, let indices, let values) in changes {
      try add(rows: indices, values, site, adapter)
    }
    // Before magnitudes: a matrix that is replaced excludes them, and may have the rows that their norms would be over.
    for case .matrix(let site, let matrix) in changes {
      try claim(site, .matrix, against: [.matrix, .rows, .addedRows, .magnitude], adapter)
      places[site].matrix = matrix
    }
    for change in changes {
      switch change {
      case .rows, .matrix: break
      case .lowRank(let site, let pair): try add(pair, site, adapter, scale)
      case .norm(let site, let weight):
        try claim(site, .norm, against: [.norm], adapter)
        norms[site] = weight
      case .bias(let site, let bias):
        if places[site].owners[.bias]?.contentHash == adapter.contentHash { continue }
        try claim(site, .bias, against: [.bias], adapter)
        addBias(bias, site)
      }
    }
  }

  /// Packs the factors beside the matrices whose kernels want that.
  private mutating func pack(_ changes: [FittedChange], _ adapter: Adapter) {
    packed = adapter.packed.pairs(for: cache)
    var missing: [FittedPair] = []
    for case .lowRank(let site, let pair) in changes where packed[pair.index] == nil {
      let place = decoder.weights.sites[site]
      guard place.kind == .linear || place.kind == .output, let weight = decoder.matrix(of: place),
        decoder.compute.packsFactors(beside: weight)
      else { continue }
      missing.append(pair)
    }
    if missing.isEmpty { return }
    packed = adapter.packed.packing(missing, for: cache, decoder.compute)
    hasPacked = true
  }

  private mutating func add(
    rows indices: [Int], _ values: WeightMatrix, _ site: Int, _ adapter: Adapter
  ) throws(AdapterError) {
    let outputs = decoder.weights.sites[site].outputs
    let other = places[site].owners[.rows] ?? places[site].owners[.addedRows]
    if indices.contains(where: { $0 < outputs }) {
      try claim(site, .rows, against: [.matrix, .magnitude], adapter)
    }
    if indices.contains(where: { $0 >= outputs }) {
      try claim(site, .addedRows, against: [.matrix], adapter)
    }
    for (row, index) in indices.enumerated() {
      let value = values.slice(rows: row..<row + 1).dequantized()
      if let old = places[site].rows.updateValue(value, forKey: index), old != value {
        throw conflict(site, other ?? adapter, adapter)
      }
    }
  }

  /// Adds the tokens of an adapter that the model lacks.
  mutating func add(_ added: [AddedToken], _ adapter: Adapter) throws(AdapterError) {
    for token in added {
      if let other = tokens[token.id], other.token.text != token.text {
        throw .tokenConflict(id: token.id, first: other.adapter.path, second: adapter.path)
      }
      if let id = tokenIDs[token.text], id != token.id, let other = tokens[id] {
        throw .tokenConflict(id: token.id, first: other.adapter.path, second: adapter.path)
      }
      let isSpecial = token.isSpecial || tokens[token.id]?.token.isSpecial == true
      tokens[token.id] = (AddedToken(id: token.id, text: token.text, isSpecial: isSpecial), adapter)
      tokenIDs[token.text] = token.id
    }
  }

  private mutating func claim(
    _ site: Int, _ claim: Claim, against others: [Claim], _ adapter: Adapter
  ) throws(AdapterError) {
    for other in others {
      guard let owner = places[site].owners[other] else { continue }
      // The same adapter twice replaces with the same.
      if other == claim, owner.contentHash == adapter.contentHash { continue }
      throw conflict(site, owner, adapter)
    }
    places[site].owners[claim] = adapter
  }

  private func conflict(_ site: Int, _ first: Adapter, _ second: Adapter) -> AdapterError {
    let tensor = decoder.weights.sites[site].tensor
    // To apply one at a time would not help.
    if first === second {
      return .contradiction(
        file: first.path,
        what: "it changes '\(tensor)' in two ways, of which one replaces what the other changes")
    }
    return .conflict(tensor: tensor, first: first.path, second: second.path)
  }

  private mutating func addBias(_ bias: Matrix, _ site: Int) {
    let outputs = decoder.weights.sites[site].outputs
    guard let other = places[site].bias else {
      places[site].bias =
        bias.columns < outputs ? Self.vector(bias.values(row: 0).padded(to: outputs, with: 0)) : bias
      return
    }
    // As long as the model's outputs at least; of added tokens some adapters have biases, others have not.
    let count = max(bias.columns, other.columns)
    let sum = [other, bias].map { $0.values(row: 0).padded(to: count, with: 0) }
    places[site].bias = Self.vector(zip(sum[0], sum[1]).map(+))
  }

  private static func vector(_ values: [Float]) -> Matrix { Matrix(rows: 1, columns: values.count, values) }

  private mutating func add(
    _ fitted: FittedPair, _ site: Int, _ adapter: Adapter, _ userScale: Float
  ) throws(AdapterError) {
    let pair = fitted.pair
    let scale = pair.effectiveScale(userScale)
    guard scale.isFinite else { throw .invalidScale(adapter: adapter.path, scale: scale) }
    guard let magnitude = fitted.magnitude else {
      if scale == 0 { return }
      places[site].segments.append(segment(fitted, scale))
      if let bias = fitted.bias {
        let place = decoder.weights.sites[site]
        let scaled = cache.vector(adapter.contentHash, fitted.index, .bias(scale: scale)) {
          Self.vector(adapter.naming.ordered(bias.dequantized(), place).map { scale * $0 })
        }
        addBias(scaled, site)
      }
      return
    }
    for other in [Claim.matrix, .rows] {
      if let owner = places[site].owners[other] { throw conflict(site, owner, adapter) }
    }
    places[site].owners[.magnitude] = adapter
    let isEmbedding = decoder.weights.sites[site].kind == .embedding
    let gain = try self.gain(fitted, magnitude, site, adapter, scale)
    places[site].gain =
      places[site].gain.map { other in
        let count = max(other.columns, gain.columns)
        let sum = [other, gain].map { $0.values(row: 0).padded(to: count, with: 1) }
        return Matrix(rows: 1, columns: count, zip(sum[0], sum[1]).map { $0 + ($1 - 1) })
      } ?? gain
    if scale == 0 { return }
    if isEmbedding {
      let b = cache.matrix(adapter.contentHash, fitted.index, .gainedFactor(scale: scale)) {
        pair.b.multiplyingRows(by: gain.values(row: 0))
      }
      places[site].segments.append(LowRankDelta.Segment(a: pair.a, b: b, scale: scale))
    } else {
      places[site].segments.append(segment(fitted, scale, gain))
    }
  }

  private func segment(_ fitted: FittedPair, _ scale: Float, _ gain: Matrix? = nil) -> LowRankDelta.Segment {
    LowRankDelta.Segment(
      a: fitted.pair.a, b: fitted.pair.b, scale: scale, gain: gain, packed: packed[fitted.index])
  }

  /// `magnitude / ‖W + scale × B·A‖`, the scale being the effective one; `1 × outputs`, of an embedding `1 × inputs`. A row
  /// that is all 0 stays so.
  private func gain(
    _ fitted: FittedPair, _ magnitude: WeightMatrix, _ site: Int, _ adapter: Adapter, _ scale: Float
  ) throws(AdapterError) -> Matrix {
    let place = decoder.weights.sites[site]
    guard let weight = decoder.matrix(of: place) else {
      throw .unknownTarget(adapter: adapter.path, tensor: fitted.pair.tensor)
    }
    let added = places[site].rows
    return try cache.vector(adapter.contentHash, fitted.index, .gain(scale: scale)) {
      () throws(AdapterError) in
      let pair = fitted.pair
      let isEmbedding = place.kind == .embedding
      let norms =
        isEmbedding
        ? columnNorms(weight, added, pair, scale) : rowNorms(weight, added, pair, magnitude.columns, scale)
      let magnitudes = magnitude.dequantized()
      let gain = zip(isEmbedding ? magnitudes : adapter.naming.ordered(magnitudes, place), norms).map {
        $1 == 0 ? 0 : $0 / $1
      }
      .padded(to: isEmbedding ? place.inputs : place.outputs, with: 1)
      guard gain.allSatisfy(\.isFinite) else {
        throw .notFinite(file: adapter.path, what: "the magnitude of '\(fitted.pair.tensor)' over its norm")
      }
      return Matrix(rows: 1, columns: gain.count, gain)
    }
  }

  /// One for each of the first `count` rows of a matrix that has more rows than the model's, the adapter's own, or fewer.
  private func rowNorms(
    _ weight: WeightMatrix, _ added: [Int: [Float]], _ pair: LowRankPair, _ count: Int, _ scale: Float
  ) -> [Float] {
    func norms(_ weight: WeightMatrix, _ rows: Range<Int>) -> [Float] {
      WeightNorms.ofRows(weight, a: pair.a, b: pair.b.slice(rows: rows), scale: scale, decoder.compute)
    }
    if count <= weight.rows { return norms(weight.slice(rows: 0..<count), 0..<count) }
    return norms(weight, 0..<weight.rows)
      + norms(Self.matrix(added, weight.rows..<count, weight.columns), weight.rows..<count)
  }

  /// One for each column, over the tokens that the adapter was trained with.
  private func columnNorms(
    _ weight: WeightMatrix, _ added: [Int: [Float]], _ pair: LowRankPair, _ scale: Float
  ) -> [Float] {
    func norms(_ weight: WeightMatrix, _ rows: Range<Int>) -> [Float] {
      WeightNorms.ofColumns(weight, a: pair.a.slice(rows: rows), b: pair.b, scale: scale, decoder.compute)
    }
    let count = pair.a.rows
    if count <= weight.rows { return norms(weight.slice(rows: 0..<count), 0..<count) }
    let behind = Self.matrix(added, weight.rows..<count, weight.columns)
    return zip(norms(weight, 0..<weight.rows), norms(behind, weight.rows..<count)).map {
      ($0 * $0 + $1 * $1).squareRoot()
    }
  }

  /// Rows that an adapter brings, all of them.
  private static func matrix(_ rows: [Int: [Float]], _ range: Range<Int>, _ columns: Int) -> WeightMatrix {
    let values = range.map { rows[$0] ?? [] }
    precondition(values.allSatisfy { $0.count == columns })
    return WeightMatrix(rows: range.count, columns: columns, values.flatMap { $0 })
  }

  /// nil: nothing is changed.
  func set(id: String) -> AdapterSet? {
    if norms.isEmpty, tokens.isEmpty, places.allSatisfy(\.isEmpty) { return nil }
    var places = places
    let size = decoder.hyperparameters.vocabularySize
    let output = decoder.weights.sites.firstIndex { $0.kind == .output }
    let added = output.flatMap { places[$0].split(at: size) }
    return AdapterSet(
      id: id, deltas: DeltaSet(sites: places.map(Self.delta)), norms: norms,
      addedTokens: tokens.values.map(\.token).sorted { $0.id < $1.id }, outputExtension: added)
  }

  private static func delta(_ place: Place) -> LowRankDelta? {
    if place.isEmpty { return nil }
    let indices = place.rows.keys.sorted()
    let rows = indices.first.flatMap { place.rows[$0]?.count }.map { columns in
      RowReplacement(
        indices: indices,
        values: Matrix(rows: indices.count, columns: columns, indices.flatMap { place.rows[$0] ?? [] }))
    }
    return LowRankDelta(
      segments: place.segments, gain: place.gain, bias: place.bias,
      replacement: place.matrix, rows: rows)
  }
}
