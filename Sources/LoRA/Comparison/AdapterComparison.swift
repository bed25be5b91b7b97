import GGUF
import Kernels

/// Two adapters side by side, tensor by tensor.
package struct AdapterComparison: Sendable {
  /// One thing that an adapter changes.
  package struct Line: Sendable {
    package let tensor: String
    /// `delta` for low-rank factors, else what they bring beside them: `magnitude`, `norm`, …
    package let role: String
    /// nil: it is not in this adapter.
    package let first: Side?
    package let second: Side?
    /// `‖x₁ - x₂‖ / max(‖x₁‖, ‖x₂‖)`, Frobenius: 0 for the same, 1 for one that is nothing beside the other or for
    /// different directions, 2 at most. nil: not in both, or of different shapes. Differences below about 1e-7 are
    /// rounding.
    package let relativeDifference: Double?
  }

  package struct Side: Sendable, Equatable {
    /// nil: it has no factors.
    package let rank: Int?
    /// Frobenius norm, of low-rank factors that of `scale × B·A` at the user's scale 1.
    package let norm: Double
  }

  /// In the order of the first adapter; then what only the second has.
  package let lines: [Line]

  /// - Parameter target: the model that both are for; needed where one is a PEFT adapter and one a GGUF file, because the
  ///   two name tensors and order rows differently.
  /// - Throws: `needsBase`, `wrongArchitecture`, what does not fit the model.
  package init(_ first: Adapter, _ second: Adapter, target: ConversionTarget? = nil) throws {
    var first = first, second = second
    if let target {
      first = try Self.converted(first, target)
      second = try Self.converted(second, target)
    }
    switch (first.naming, second.naming) {
    case (.peft, .peft): break
    case (.gguf(let one), .gguf(let other)):
      if one != other {
        throw AdapterError.wrongArchitecture(adapter: second.path, expected: one, found: other)
      }
    default:
      throw AdapterError.needsBase(
        adapter: second.path, reason: "one adapter is a PEFT folder and the other a GGUF file")
    }
    let left = Self.items(first), right = Self.items(second)
    var lines: [Line] = []
    for item in left {
      let other = right.first { $0.key == item.key }
      lines.append(
        Line(
          tensor: item.tensor, role: item.role, first: item.side, second: other?.side,
          relativeDifference: other.flatMap { item.values.relativeDifference(from: $0.values) }))
    }
    let known = Set(left.map(\.key))
    for item in right where !known.contains(item.key) {
      lines.append(
        Line(
          tensor: item.tensor, role: item.role, first: nil, second: item.side, relativeDifference: nil))
    }
    self.lines = lines
  }

  /// The adapter as the model's file names and orders things.
  private static func converted(_ adapter: Adapter, _ target: ConversionTarget) throws -> Adapter {
    let conversion = try AdapterConversion(adapter, for: target, type: .f32)
    return try Adapter.read(GGUFFile(bytes: conversion.serialized(), name: adapter.path))
  }

  private struct Item {
    let tensor: String
    let role: String
    let rank: Int?
    let values: ComparedValues

    var key: String { "\(role) \(tensor)" }
    var side: Side { Side(rank: rank, norm: values.squaredNorm.squareRoot()) }
  }

  private static func items(_ adapter: Adapter) -> [Item] {
    adapter.changes.flatMap { change -> [Item] in
      func values(_ role: String, _ matrix: WeightMatrix) -> Item {
        Item(tensor: change.tensor, role: role, rank: nil, values: .matrix(matrix))
      }
      switch change {
      case .lowRank(let pair):
        let tensor = pair.expert.map { "\(pair.tensor) expert \($0)" } ?? pair.tensor
        let isEmbedding = pair.hasEmbeddingShape(
          isNamedSo: tensor == "token_embd.weight" || tensor.hasSuffix("embed_tokens"))
        return [
          Item(
            tensor: tensor, role: "delta", rank: pair.rank,
            values: .products(pair.experts, isEmbedding: isEmbedding))
        ] + (pair.magnitude.map { [values("magnitude", $0)] } ?? [])
          + (pair.bias.map { [values("factor bias", $0)] } ?? [])
      case .matrix(let tensor, let weight, let expert, _):
        return [
          Item(
            tensor: expert.map { "\(tensor) expert \($0)" } ?? tensor, role: "replacement", rank: nil,
            values: .matrix(weight))
        ]
      case .rows(_, let rows, let weight, _):
        return [
          Item(tensor: change.tensor, role: "rows", rank: nil, values: .rows(rows, weight))
        ]
      case .norm(_, let weight): return [values("norm", weight)]
      case .bias(_, let weight): return [values("bias", weight)]
      }
    }
  }
}
