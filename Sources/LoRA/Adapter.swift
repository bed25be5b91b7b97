import Kernels
import Transformer

/// A LoRA adapter as it was read: an immutable list of changes to tensors of some base model.
///
/// Independent of any model until it is bound (`AdapterBinding`). Matrices are views of the mapped file. What is packed for the
/// kernels of a model takes the place of the file's pages in memory, whatever its scale and however many contexts use it.
package final class Adapter: Sendable {
  /// How its changes are named, and in which order its matrices have their rows.
  package enum Naming: Sendable, Equatable {
    /// As the base's GGUF file does; the adapter is for one architecture.
    case gguf(architecture: String)
    /// As the modules of the model it was trained on.
    case peft
  }

  /// Where it came from.
  package let path: String
  /// `general.name` of the file, else the file's or folder's own name.
  package let name: String
  package let naming: Naming
  /// Of the adapter as a whole; nil: none.
  package let alpha: Float?
  package let taskName: String?
  package let promptPrefix: String?
  /// The base model in its maker's words; nil: not said.
  package let baseModel: String?
  /// aLoRA: the tokens from which on it acts; nil: it always does.
  package let invocationTokens: [Int32]?
  /// Tokens that its tokenizer lists beside the trained vocabulary, ascending by id: those of the base too.
  package let addedTokens: [AddedToken]
  /// The form of the conversations it was trained with; nil: not said. No part of the content: it changes prompts only.
  package let template: TrainedTemplate?
  /// Whole matrices as training saw them, by tensor, where they may have rows that the model lacks. They are no changes.
  let trainedOn: [String: WeightMatrix]
  /// Experts that a layer of the base has, by a module of one of them; more are none of this adapter's base.
  let expertCounts: [String: Int]
  package let changes: [Change]
  /// Made of everything that has an effect: equal hashes mean equal effect.
  package let contentHash: ContentHash
  package let packed = PackedPairs()
  /// Of its changes' own matrices.
  package let byteCount: Int
  /// Its changes at their places in a model: what need not be found again when it is bound once more.
  let fits = PerModel<[FittedChange]>()

  /// - Throws: `noTensors`, `notFinite` naming the change: every value is looked at once.
  package init(
    path: String, name: String, naming: Naming, alpha: Float?, taskName: String? = nil,
    promptPrefix: String? = nil, baseModel: String? = nil, invocationTokens: [Int32]? = nil,
    addedTokens: [AddedToken] = [], template: TrainedTemplate? = nil,
    trainedOn: [String: WeightMatrix] = [:], expertCounts: [String: Int] = [:], changes: [Change]
  ) throws(AdapterError) {
    guard !changes.isEmpty else { throw .noTensors(file: path) }
    self.path = path
    self.name = name
    self.naming = naming
    self.alpha = alpha
    self.taskName = taskName
    self.promptPrefix = promptPrefix
    self.baseModel = baseModel
    self.invocationTokens = invocationTokens
    self.addedTokens = addedTokens
    self.template = template
    self.trainedOn = trainedOn
    self.expertCounts = expertCounts
    self.changes = changes
    byteCount = changes.reduce(0) { $0 + $1.byteCount }
    var hash = ContentHash()
    if case .gguf(let architecture) = naming { hash.add(architecture) }
    for token in invocationTokens ?? [] { hash.add(UInt64(bitPattern: Int64(token))) }
    for change in changes {
      hash.add(change)
      for (role, matrix) in change.matrices {
        guard matrix.isFinite() else {
          throw .notFinite(file: path, what: "a value in '\(naming.name(of: change.tensor, role))'")
        }
        hash.add(role)
        hash.add(UInt64(matrix.type.rawValue))
        hash.add(UInt64(matrix.rows))
        hash.add(UInt64(matrix.columns))
        matrix.withBytes { hash.add($0) }
      }
    }
    for token in addedTokens {
      hash.add(token.text)
      hash.add(UInt64(token.id) << 1 | (token.isSpecial ? 1 : 0))
    }
    for (tensor, matrix) in trainedOn.sorted(by: { $0.key < $1.key }) {
      hash.add(tensor)
      hash.add(UInt64(matrix.rows))
      matrix.withBytes { hash.add($0) }
    }
    contentHash = hash
  }

  /// The base model's architecture; nil: whichever has the modules it names.
  package var architecture: String? {
    if case .gguf(let architecture) = naming { architecture } else { nil }
  }

  /// Its low-rank factors.
  package var pairs: [LowRankPair] { changes.compactMap(\.pair) }

  /// Smallest and largest rank of its pairs; 0 if it has none.
  package var ranks: ClosedRange<Int> {
    let all = pairs.map(\.rank)
    return (all.min() ?? 0)...(all.max() ?? 0)
  }

  /// Its files' pages leave memory, as long as nobody looks at them again.
  func forgetPages() {
    var seen: Set<ObjectIdentifier> = []
    for change in changes {
      for (_, matrix) in change.matrices {
        guard let mapping = matrix.mapping, seen.insert(ObjectIdentifier(mapping)).inserted else { continue }
        mapping.advise(.notNeeded)
      }
    }
  }
}

extension Adapter.Naming {
  /// The tensor of the adapter's file that plays a role (`Change.matrices`) in a change.
  func name(of tensor: String, _ role: String, isEmbedding: Bool = false) -> String {
    switch (self, role) {
    case (.gguf, "a"), (.gguf, "b"): "\(tensor).lora_\(role)"
    case (.gguf, "b bias"): tensor + OwnTensors.factorBias
    case (.gguf, "magnitude"): tensor + OwnTensors.magnitude
    case (.gguf, "rows"): tensor + OwnTensors.rows
    case (.gguf, "weight"): tensor + OwnTensors.replacement
    case (.gguf, "bias"): tensor.dropLast("weight".count) + "bias" + OwnTensors.replacement
    case (.gguf, _): tensor
    case (.peft, "a"), (.peft, "b"):
      isEmbedding
        ? "\(tensor).lora_embedding_\(role.uppercased())" : "\(tensor).lora_\(role.uppercased()).weight"
    case (.peft, "b bias"): "\(tensor).lora_B.bias"
    case (.peft, "magnitude"): "\(tensor).lora_magnitude_vector"
    case (.peft, "rows"): "\(tensor).token_adapter.trainable_tokens_delta"
    case (.peft, "bias"): "\(tensor).bias"
    case (.peft, _): "\(tensor).weight"
    }
  }

  /// A matrix's dimensions as the adapter's format writes them: fastest first in GGUF, last in PEFT. `rows` are those of
  /// one matrix where there is a stack of several.
  func shape(rows: Int, columns: Int, stack: Int? = nil) -> [Int] {
    switch self {
    case .gguf: [columns, rows] + (stack.map { [$0] } ?? [])
    case .peft: [rows, columns]
    }
  }
}

extension ContentHash {
  fileprivate mutating func add(_ change: Change) {
    add(change.tensor)
    switch change {
    case .lowRank(let pair):
      switch pair.scaling {
      case .none: add(0)
      case .alpha(let alpha): add(UInt64(alpha.bitPattern) | 1 << 32)
      case .rankStabilized(let alpha): add(UInt64(alpha.bitPattern) | 2 << 32)
      }
      switch pair.part {
      case .matrix: break
      case .expert(let index): add(UInt64(bitPattern: Int64(index)) ^ 1 << 62)
      case .stack(let experts): add(UInt64(bitPattern: Int64(experts)) ^ 1 << 61)
      }
    case .rows(_, let rows, _, let tiesOutput):
      add(tiesOutput ? 1 : 0)
      for row in rows { add(UInt64(row)) }
    case .matrix(_, _, let expert, let tiesOutput):
      add(tiesOutput ? 1 : 0)
      if let expert { add(UInt64(bitPattern: Int64(expert)) ^ 1 << 62) }
    case .norm, .bias: break
    }
  }
}
