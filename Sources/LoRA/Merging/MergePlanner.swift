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

  init(_ decoder: Decoder, _ set: AdapterSet?, _ types: ModelMerge.Types) {
    self.decoder = decoder
    self.set = set
    self.types = types
  }

  mutating func plan() throws(Obstacle) {
    for tensor in decoder.file.tensors {
      if let sites = decoder.weights.sites(named: tensor.name) {
        try add(tensor, sites)
      } else if let site = weightSite(ofBias: tensor.name), let bias = delta(site)?.bias {
        let base = decoder.bias(of: decoder.weights.sites[site]) ?? []
        addVector(tensor.name, zip(base, bias.values(row: 0)).map { $0 + $1 }, source: tensor.type)
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
    let isChanged = parts.contains { $0.delta != nil }
    let type = self.type(tensor, isChanged: isChanged)
    if first.expert != nil, sites.contains(where: { delta($0)?.bias != nil }) {
      throw Obstacle(reason: "a model file has no biases for the experts of '\(tensor.name)'")
    }
    if isChanged { changedCount += 1 }
    guard isChanged || type != tensor.type else { return tensors.append(copy(tensor)) }
    tensors.append(
      MergedTensor(
        name: tensor.name, dimensions: tensor.dimensions, type: type, source: tensor.type,
        content: .matrices(
          parts.compactMap { part in decoder.matrix(of: part.site).map { (weight: $0, delta: part.delta) } },
          isEmbedding: first.kind == .embedding, decoder.compute)))
  }

  /// What the model's file does not have: biases, and an output matrix that no longer is the embedding's.
  private mutating func addNew() throws(Obstacle) {
    for (number, site) in decoder.weights.sites.enumerated() where site.expert == nil {
      guard let bias = delta(number)?.bias, decoder.bias(of: site) == nil else { continue }
      guard site.kind == .linear || site.kind == .output else {
        throw Obstacle(reason: "a model file has no bias for '\(site.tensor)'")
      }
      addVector(site.tensor.dropLast("weight".count) + "bias", bias.values(row: 0), source: nil)
    }
    guard decoder.isOutputTied, let embedding = decoder.file.tensor("token_embd.weight"),
      let input = decoder.site(named: "token_embd.weight"), let output = decoder.site(named: "output.weight"),
      [input, output].contains(where: { delta($0)?.changesMatrix == true })
    else { return }
    unties = true
    let site = decoder.weights.sites[output]
    let own = delta(output).flatMap { $0.changesMatrix ? $0 : nil }
    guard let weight = decoder.matrix(of: site) else { return }
    if own != nil { changedCount += 1 }
    tensors.append(
      MergedTensor(
        name: site.tensor, dimensions: embedding.dimensions,
        type: type(embedding, isChanged: own != nil), source: embedding.type,
        content: .matrices([(weight, own)], isEmbedding: false, decoder.compute)))
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
