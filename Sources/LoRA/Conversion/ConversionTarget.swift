import Kernels
import Transformer

/// The model that a GGUF adapter is written for: how its tensors are named and in which order they have their rows.
package struct ConversionTarget: Sendable {
  /// Heads of an attention layer.
  package struct Heads: Sendable {
    package let query: Int
    package let key: Int

    package init(query: Int, key: Int) {
      self.query = query
      self.key = key
    }
  }

  package let architecture: String
  private let heads: Heads?
  private let decoder: Decoder?
  private let names: ModuleNames

  /// A model that is there, so that everything can be checked against it.
  package init(_ decoder: Decoder) {
    architecture = decoder.hyperparameters.architecture
    heads = Heads(query: decoder.hyperparameters.headCount, key: decoder.hyperparameters.kvHeadCount)
    self.decoder = decoder
    names = ModuleNames(architecture: architecture)
  }

  /// A model of which only this is known.
  ///
  /// - Parameter heads: needed for q and k in architectures that reorder their rows.
  package init(architecture: String, heads: Heads?) {
    self.architecture = architecture
    self.heads = heads
    decoder = nil
    names = ModuleNames(architecture: architecture)
  }

  /// Everything that keeps an adapter from fitting; empty where the model is not there.
  func problems(_ adapter: Adapter) -> [AdapterError] {
    decoder.map { AdapterBinding.problems(adapter, $0) } ?? []
  }

  /// Rows of the model's embedding; nil: it is not there.
  var vocabularySize: Int? { decoder?.hyperparameters.vocabularySize }

  /// The tokens that the model lacks; all that the adapter lists where the model is not there, or where only the list
  /// explains why its matrices are shorter than the model's.
  func addedTokens(of adapter: Adapter) -> [AddedToken] {
    guard let decoder, !adapter.addedTokens.isEmpty else { return adapter.addedTokens }
    let fitter = AdapterFitter(adapter, decoder, BindingCache())
    let new = fitter.fit().tokens
    return new.isEmpty && fitter.hasOtherHeights ? adapter.addedTokens : new
  }

  /// Is the model there, and has it one matrix for embedding and output?
  var isOutputTied: Bool { decoder?.isOutputTied == true }

  /// Was the adapter trained with a vocabulary of another length than the model's?
  func hasOtherHeights(_ adapter: Adapter) -> Bool {
    decoder.map { AdapterFitter(adapter, $0, BindingCache()).hasOtherHeights } ?? false
  }

  /// Of a matrix that training saw: the rows that the model lacks.
  func addedRows(_ whole: WeightMatrix, _ adapter: Adapter) throws(AdapterError) -> Range<Int> {
    guard let decoder else {
      throw .needsBase(
        adapter: adapter.path,
        reason: "it says which rows of its embedding and output are those of added tokens")
    }
    return min(whole.rows, decoder.hyperparameters.vocabularySize)..<whole.rows
  }

  /// The tensor that a change is for.
  func tensor(of change: Change, _ adapter: Adapter) throws(AdapterError) -> ModuleNames.Tensor {
    guard adapter.naming == .peft else {
      return ModuleNames.Tensor(name: change.tensor, expert: change.expert)
    }
    guard let found = names.tensor(of: change.tensor) else {
      throw .unknownTarget(adapter: adapter.path, tensor: change.tensor)
    }
    return ModuleNames.Tensor(name: found.name, expert: found.expert ?? change.expert)
  }

  /// Experts of a layer.
  func expertCount(of tensor: String, _ adapter: Adapter) throws(AdapterError) -> Int {
    guard let sites = decoder?.weights.sites(named: tensor) else {
      throw .needsBase(adapter: adapter.path, reason: "its stacks of experts are as high as the model's")
    }
    return sites.count
  }

  /// For each row of the model's tensor the row it was in training; nil: the same.
  func rowSources(of tensor: String, rows: Int, _ adapter: Adapter) throws(AdapterError) -> [Int]? {
    guard adapter.naming == .peft, architecture == "llama" else { return nil }
    let isQuery = tensor.hasSuffix(".attn_q.weight")
    guard isQuery || tensor.hasSuffix(".attn_k.weight") else { return nil }
    guard let heads else {
      throw .needsBase(
        adapter: adapter.path,
        reason: "the rows of q and k are ordered by the model's heads in architecture llama")
    }
    let count = isQuery ? heads.query : heads.key
    guard let sources = Site.RowOrder.rotaryPairs(heads: count).sources(rows: rows) else {
      throw .unsupportedTarget(
        adapter: adapter.path, tensor: tensor, reason: "its \(rows) rows are no multiple of \(count) heads")
    }
    return sources
  }

  /// Norms are stored as what the model multiplies with, which may be 1 more than was trained.
  func normOffset(_ adapter: Adapter) -> Float {
    adapter.naming == .peft && names.normsAreOffsets ? 1 : 0
  }
}
