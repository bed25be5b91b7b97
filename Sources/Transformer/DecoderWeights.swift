import GGUF
import Kernels

/// The weights of a decoder as views of the mapped file, and the sites at which adapters can act.
package struct DecoderWeights: Sendable {
  package let embedding: WeightMatrix
  package let embeddingSite: Int
  let layers: [DecoderLayer]
  let outputNorm: Norm
  let output: Linear
  package let sites: [Site]
  private let sitesByName: [String: Range<Int>]

  init(
    embedding: WeightMatrix, embeddingSite: Int, layers: [DecoderLayer], outputNorm: Norm, output: Linear,
    sites: [Site]
  ) {
    self.embedding = embedding
    self.embeddingSite = embeddingSite
    self.layers = layers
    self.outputNorm = outputNorm
    self.output = output
    self.sites = sites
    sitesByName = Dictionary(sites.enumerated().map { ($1.tensor, $0..<$0 + 1) }) {
      $0.lowerBound..<$1.upperBound
    }
  }

  /// The sites of a tensor: one, or one for each expert of a stack; nil: the model has no such tensor. Complexity: O(1).
  package func sites(named tensor: String) -> Range<Int>? { sitesByName[tensor] }

  /// The site of a tensor, or of one expert of a stack; nil: there is none. Complexity: O(1).
  package func site(named tensor: String, expert: Int? = nil) -> Int? {
    guard let range = sitesByName[tensor] else { return nil }
    guard sites[range.lowerBound].expert != nil else { return expert == nil ? range.lowerBound : nil }
    guard let expert, expert >= 0, expert < range.count else { return nil }
    return range.lowerBound + expert
  }
}

/// Takes tensors out of a file, checks their shapes and numbers the sites in the order they are taken.
package struct WeightLoader {
  let file: GGUFFile
  package let hyperparameters: Hyperparameters
  private(set) var sites: [Site] = []

  init(_ file: GGUFFile, _ hyperparameters: Hyperparameters) {
    self.file = file
    self.hyperparameters = hyperparameters
  }

  /// `name.weight` as a matrix of `outputs` rows, with `name.bias` if the file has one.
  mutating func linear(
    _ name: String, inputs: Int, outputs: Int, rowOrder: Site.RowOrder = .asTrained
  ) throws -> Linear {
    let weight = try matrix(name + ".weight", inputs: inputs, outputs: outputs)
    let bias = file.tensor(name + ".bias") == nil ? nil : try vector(name + ".bias", count: outputs)
    let site = addSite(name + ".weight", .linear, [inputs, outputs], rowOrder)
    return Linear(operand: LinearOperand(weight: weight, bias: bias, site: site))
  }

  /// `name.weight` as a stack of `count` experts, each a matrix and a site of its own.
  mutating func stack(_ name: String, inputs: Int, outputs: Int, count: Int) throws -> [Linear] {
    // One name and one shape in memory for all: a large model has tens of thousands of experts.
    let tensor = name + ".weight", dimensions = [inputs, outputs]
    let all = try matrix(tensor, [inputs, outputs, count])
    return (0..<count).map { expert in
      let site = addSite(tensor, .linear, dimensions, .asTrained, expert: expert)
      return Linear(
        operand: LinearOperand(
          weight: all.slice(rows: expert * outputs..<(expert + 1) * outputs), bias: nil, site: site))
    }
  }

  mutating func norm(_ name: String, count: Int) throws -> Norm {
    let weight = try vector(name + ".weight", count: count)
    return Norm(weight: weight, site: addSite(name + ".weight", .norm, [count], .asTrained))
  }

  mutating func optionalNorm(_ name: String, count: Int) throws -> Norm? {
    file.tensor(name + ".weight") == nil ? nil : try norm(name, count: count)
  }

  mutating func embedding() throws -> (WeightMatrix, site: Int) {
    let inputs = hyperparameters.embeddingLength, outputs = hyperparameters.vocabularySize
    let weight = try matrix("token_embd.weight", inputs: inputs, outputs: outputs)
    return (weight, addSite("token_embd.weight", .embedding, [inputs, outputs], .asTrained))
  }

  /// The output matrix, or the embedding's where the file ties them. Either way a site of its own.
  mutating func output(tiedTo embedding: WeightMatrix) throws -> Linear {
    let inputs = hyperparameters.embeddingLength, outputs = hyperparameters.vocabularySize
    let isTied = file.tensor("output.weight") == nil
    let weight = isTied ? embedding : try matrix("output.weight", inputs: inputs, outputs: outputs)
    let bias = file.tensor("output.bias") == nil ? nil : try vector("output.bias", count: outputs)
    let site = addSite("output.weight", .output, [inputs, outputs], .asTrained)
    return Linear(operand: LinearOperand(weight: weight, bias: bias, site: site))
  }

  /// `name.weight`: one divisor for the frequency of each rotary pair.
  func rotaryFactors(_ rope: RotaryEmbedding.Parameters, _ name: String) throws -> [Float] {
    let factors = try vector(name + ".weight", count: rope.dimensions / 2).values(row: 0)
    if let wrong = factors.first(where: { !($0.isFinite && $0 > 0) }) {
      throw ModelError.invalidHyperparameter(
        file: file.path, key: name + ".weight", expected: "positive numbers", found: "\(wrong)")
    }
    return factors
  }

  private mutating func addSite(
    _ tensor: String, _ kind: Site.Kind, _ dimensions: [Int], _ rowOrder: Site.RowOrder, expert: Int? = nil
  ) -> Int {
    sites.append(
      Site(tensor: tensor, kind: kind, dimensions: dimensions, rowOrder: rowOrder, expert: expert))
    return sites.count - 1
  }

  private func matrix(_ name: String, inputs: Int, outputs: Int) throws -> WeightMatrix {
    try matrix(name, [inputs, outputs])
  }

  /// A tensor of these dimensions (ggml order), the rows of all matrices of a stack under each other.
  private func matrix(_ name: String, _ dimensions: [Int]) throws -> WeightMatrix {
    let tensor = try find(name, dimensions)
    do {
      return try WeightMatrix(
        file.bytes(of: tensor), owner: file, type: tensor.type, rows: dimensions.dropFirst().reduce(1, *),
        columns: dimensions[0])
    } catch {
      throw ModelError.unsupportedTensorType(file: file.path, tensor: name, type: tensor.type.name)
    }
  }

  private func vector(_ name: String, count: Int) throws -> Matrix {
    let tensor = try find(name, [count])
    do {
      let weight = try WeightMatrix(
        file.bytes(of: tensor), owner: file, type: tensor.type, rows: 1, columns: count)
      return Matrix(rows: 1, columns: count, weight.dequantized())
    } catch {
      throw ModelError.unsupportedTensorType(file: file.path, tensor: name, type: tensor.type.name)
    }
  }

  private func find(_ name: String, _ expected: [Int]) throws -> TensorInfo {
    guard let tensor = file.tensor(name) else {
      throw ModelError.missingTensor(file: file.path, tensor: name)
    }
    // Trailing dimensions of 1 say nothing, not even in a stack of one.
    var found = tensor.dimensions, wanted = expected[...]
    while wanted.count > 2, wanted.last == 1 { wanted.removeLast() }
    while found.count > wanted.count, found.last == 1 { found.removeLast() }
    guard found[...] == wanted else {
      throw ModelError.wrongShape(file: file.path, tensor: name, expected: expected, found: tensor.dimensions)
    }
    return tensor
  }
}
