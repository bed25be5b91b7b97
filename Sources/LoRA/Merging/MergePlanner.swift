import GGUF
import Kernels
import Transformer

/// Goes through a model's tensors and says what becomes of each.
struct MergePlanner {
  struct Obstacle: Error { let reason: String }

  private let decoder: Decoder
  private let set: AdapterSet?
  private let types: ModelMerge.Types
  private(set) var tensors: [MergedTensor] = []
  private(set) var changedCount = 0
  private(set) var unties = false
  /// Rows of embedding and output: the model's, and those of added tokens.
  private let vocabularySize: Int

  init(_ decoder: Decoder, _ set: AdapterSet?, _ types: ModelMerge.Types) {
    self.decoder = decoder
    self.set = set
    self.types = types
    vocabularySize = decoder.vocabularySize(with: set)
  }

  mutating func plan() throws(Obstacle) {
    for tensor in decoder.file.tensors {
      if let sites = decoder.weights.sites(named: tensor.name) {
        try add(tensor, sites)
      } else if let site = weightSite(ofBias: tensor.name), let bias = bias(site) {
        addVector(tensor.name, bias, source: tensor.type)
      } else {
        tensors.append(copy(tensor))
      }
    }
    try addNew()
  }

  private func delta(_ site: Int) -> LowRankDelta? { set?.deltas.sites[site] }

  private func weightSite(ofBias name: String) -> Int? {
    name.hasSuffix(".bias") ? decoder.site(named: name.dropLast("bias".count) + "weight") : nil
  }

  /// A site's bias, an output's also for added tokens; nil: it is as it was.
  private func bias(_ number: Int) -> [Float]? {
    let site = decoder.weights.sites[number]
    let own = delta(number)?.bias?.values(row: 0), base = decoder.bias(of: site)
    let added = site.kind == .output ? self.set?.outputExtension : nil
    let behind = added?.delta?.bias?.values(row: 0)
    guard own != nil || behind != nil || (base != nil && added != nil) else { return nil }
    var sum = base ?? [Float](repeating: 0, count: site.outputs)
    if let own { for row in own.indices { sum[row] += own[row] } }
    return sum + (behind ?? [Float](repeating: 0, count: added?.count ?? 0))
  }

  private func copy(_ tensor: TensorInfo) -> MergedTensor {
    MergedTensor(
      name: tensor.name, dimensions: tensor.dimensions, type: tensor.type, source: tensor.type,
      content: .copied(decoder.file, tensor))
  }

  private mutating func addVector(_ name: String, _ values: [Float], source: TensorType?) {
    changedCount += 1
    tensors.append(
      MergedTensor(
        name: name, dimensions: [values.count], type: .f32, source: source, content: .vector(values)))
  }

  private mutating func add(_ tensor: TensorInfo, _ sites: Range<Int>) throws(Obstacle) {
    let first = decoder.weights.sites[sites.lowerBound]
    if first.kind == .norm {
      guard let own = set?.norms[sites.lowerBound] else { return tensors.append(copy(tensor)) }
      return addVector(tensor.name, own.values(row: 0), source: tensor.type)
    }
    let parts = sites.map { site in
      (site: decoder.weights.sites[site], delta: delta(site).flatMap { $0.changesMatrix ? $0 : nil })
    }
    let isLonger = first.kind == .output && set?.outputExtension != nil
    let isChanged = isLonger || parts.contains { $0.delta != nil }
    let type = self.type(tensor, isChanged: isChanged)
    if first.expert != nil, sites.contains(where: { delta($0)?.bias != nil }) {
      throw Obstacle(reason: "a model file has no biases for the experts of '\(tensor.name)'")
    }
    if isChanged { changedCount += 1 }
    guard isChanged || type != tensor.type else { return tensors.append(copy(tensor)) }
    tensors.append(
      MergedTensor(
        name: tensor.name, dimensions: dimensions(tensor, first.kind), type: type, source: tensor.type,
        content: .matrices(
          parts.compactMap { part in
            decoder.matrix(of: part.site).map {
              MergedTensor.Part($0, part.delta, rows: first.kind == .embedding ? vocabularySize : nil)
            }
          } + (first.kind == .output ? addedRows : []),
          isEmbedding: first.kind == .embedding, decoder.compute)))
  }

  /// Added tokens make embedding and output longer.
  private func dimensions(_ tensor: TensorInfo, _ kind: Site.Kind) -> [Int] {
    guard kind == .embedding || kind == .output else { return tensor.dimensions }
    return [tensor.dimensions[0], vocabularySize]
  }

  /// The output's rows for added tokens.
  private var addedRows: [MergedTensor.Part] {
    self.set?.outputExtension.map { [MergedTensor.Part($0.weight, $0.delta)] } ?? []
  }

  /// What the model's file does not have: biases, and an output matrix that no longer is the embedding's.
  private mutating func addNew() throws(Obstacle) {
    for (number, site) in decoder.weights.sites.enumerated() where site.expert == nil {
      guard decoder.bias(of: site) == nil, let bias = bias(number) else { continue }
      guard site.kind == .linear || site.kind == .output else {
        throw Obstacle(reason: "a model file has no bias for '\(site.tensor)'")
      }
      addVector(site.tensor.dropLast("weight".count) + "bias", bias, source: nil)
    }
    guard decoder.isOutputTied, let embedding = decoder.file.tensor("token_embd.weight"),
      let input = decoder.site(named: "token_embd.weight"), let output = decoder.site(named: "output.weight"),
      set?.outputExtension != nil
        || [input, output].contains(where: { delta($0)?.changesMatrix == true })
    else { return }
    unties = true
    let site = decoder.weights.sites[output]
    let own = delta(output).flatMap { $0.changesMatrix ? $0 : nil }
    guard let weight = decoder.matrix(of: site) else { return }
    let isChanged = own != nil || set?.outputExtension != nil
    if isChanged { changedCount += 1 }
    tensors.append(
      MergedTensor(
        name: site.tensor, dimensions: dimensions(embedding, .output),
        type: type(embedding, isChanged: isChanged), source: embedding.type,
        content: .matrices(
          [MergedTensor.Part(weight, own)] + addedRows, isEmbedding: false, decoder.compute)))
  }

  private func type(_ tensor: TensorInfo, isChanged: Bool) -> TensorType {
    // Routers are float32 in every model: a wrong choice of expert is no rounding error.
    let isRouter = tensor.name.hasSuffix(".ffn_gate_inp.weight")
    switch types {
    case .keep:
      return !isChanged || WeightEncoder.canWrite(tensor.type) ? tensor.type : blocked(.q8_0, tensor)
    case .all(let type): return isRouter ? (isChanged ? .f32 : tensor.type) : blocked(type, tensor)
    }
  }

  /// The type, if the tensor's rows are whole blocks of it.
  private func blocked(_ type: TensorType, _ tensor: TensorInfo) -> TensorType {
    tensor.dimensions[0] % type.block.weights == 0 ? type : .f16
  }
}

extension LowRankDelta {
  /// Does it change more than a bias?
  fileprivate var changesMatrix: Bool {
    !segments.isEmpty || gain != nil || replacement != nil || rows != nil
  }
}
