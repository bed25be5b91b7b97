import GGUF
import Kernels
import Transformer

/// Puts the tensors of a GGUF adapter together into changes: llama.cpp's pairs and norms, and `OwnTensors`.
struct GGUFChanges {
  private enum Half: String, CaseIterable {
    case a = ".lora_a", b = ".lora_b"
    case bias = ".lora_bias", magnitude = ".lora_magnitude"
  }

  private let file: GGUFFile
  private let scaling: LowRankPair.Scaling
  private var order: [String] = []
  private var halves: [String: [Half: TensorInfo]] = [:]
  private var others: [Change] = []
  private var tied: Set<String> = []

  static func read(_ file: GGUFFile, _ scaling: LowRankPair.Scaling) throws -> [Change] {
    var reader = GGUFChanges(file, scaling)
    return try reader.changes()
  }

  private init(_ file: GGUFFile, _ scaling: LowRankPair.Scaling) {
    self.file = file
    self.scaling = scaling
  }

  private mutating func changes() throws -> [Change] {
    tied = Set(try file.metadata.strings(OwnTensors.tiedKey) ?? [])
    for tensor in file.tensors {
      if let half = Half.allCases.first(where: { tensor.name.hasSuffix($0.rawValue) }) {
        let base = String(tensor.name.dropLast(half.rawValue.count))
        if halves[base] == nil { order.append(base) }
        halves[base, default: [:]][half] = tensor
      } else {
        others.append(try replacement(tensor))
      }
    }
    return try order.map { .lowRank(try pair($0, halves[$0] ?? [:])) } + others
  }

  private func pair(_ base: String, _ parts: [Half: TensorInfo]) throws -> LowRankPair {
    func missing(_ half: Half) -> AdapterError {
      .missingHalf(file: file.path, tensor: base, half: base + half.rawValue)
    }
    guard let a = parts[.a] else { throw missing(.a) }
    guard let b = parts[.b] else { throw missing(.b) }
    guard let part = Self.part(a.dimensions, b.dimensions) else {
      throw AdapterError.rankMismatch(file: file.path, tensor: base, a: a.dimensions, b: b.dimensions)
    }
    if case .stack(let experts) = part, experts > LowRankPair.expertLimit {
      throw AdapterError.unsupportedTarget(
        adapter: file.path, tensor: a.name,
        reason: "it has \(experts) experts, but at most \(LowRankPair.expertLimit) are allowed")
    }
    return LowRankPair(
      tensor: base, a: try matrix(a), b: try matrix(b), part: part, scaling: scaling,
      bias: try parts[.bias].map { try vectors($0, part) },
      magnitude: try parts[.magnitude].map { try vectors($0, part) })
  }

  /// What two factors of these dimensions are, or nil if they do not fit together.
  private static func part(_ a: [Int], _ b: [Int]) -> LowRankPair.Part? {
    switch (a.count, b.count) {
    // An embedding's A has one row of `rank` values a token: there the ranks are both in front.
    case (2, 2): a[1] == b[0] || a[0] == b[0] ? .matrix : nil
    case (3, 3): a[1] == b[0] && a[2] == b[2] ? .stack(experts: a[2]) : nil
    default: nil
    }
  }

  /// Something that takes the place of the model's.
  private func replacement(_ tensor: TensorInfo) throws -> Change {
    let name = tensor.name
    func base(_ suffix: String) -> String { String(name.dropLast(suffix.count)) }
    if name.hasSuffix("_norm.weight"), tensor.dimensions.count == 1 {
      return .norm(tensor: name, try matrix(tensor))
    }
    if name.hasSuffix(OwnTensors.rows) { return try rows(base(OwnTensors.rows), tensor) }
    guard name.hasSuffix(OwnTensors.replacement) else {
      throw AdapterError.unexpectedTensor(file: file.path, tensor: name)
    }
    let target = base(OwnTensors.replacement)
    if let (stack, expert) = Self.expert(target), tensor.dimensions.count == 2 {
      return .matrix(tensor: stack, try matrix(tensor), expert: expert, tiesOutput: false)
    }
    switch (target.hasSuffix(".weight"), target.hasSuffix(".bias"), tensor.dimensions.count) {
    case (true, _, 1): return .norm(tensor: target, try matrix(tensor))
    case (true, _, 2):
      return .matrix(
        tensor: target, try matrix(tensor), expert: nil, tiesOutput: tied.contains(target))
    case (_, true, 1):
      return .bias(tensor: target.dropLast("bias".count) + "weight", try matrix(tensor))
    default: throw AdapterError.unexpectedTensor(file: file.path, tensor: name)
    }
  }

  /// `blk.0.ffn_up_exps.weight.3`: the stack and the number; nil: no name of that form.
  private static func expert(_ name: String) -> (stack: String, expert: Int)? {
    guard let dot = name.lastIndex(of: ".") else { return nil }
    let stack = name[..<dot], digits = name[name.index(after: dot)...]
    guard stack.hasSuffix("_exps.weight"), let expert = Int(digits), String(expert) == digits else {
      return nil
    }
    return (String(stack), expert)
  }

  private func rows(_ target: String, _ tensor: TensorInfo) throws -> Change {
    let key = OwnTensors.rowsKey(target)
    let values = try matrix(tensor)
    guard let indices = try file.metadata.ints(key), indices.count == values.rows,
      zip(indices, indices.dropFirst()).allSatisfy({ $0 < $1 }), indices.allSatisfy(AddedToken.ids.contains)
    else {
      throw AdapterError.invalidSetting(
        file: file.path, key: key,
        expected: "\(values.rows) ascending row numbers below \(AddedToken.ids.upperBound), those of "
          + "'\(tensor.name)'",
        found: "something else")
    }
    return .rows(tensor: target, indices, values, tiesOutput: tied.contains(target))
  }

  /// A vector, or one for each expert of a stack, `experts × count`.
  private func vectors(_ tensor: TensorInfo, _ part: LowRankPair.Part) throws -> WeightMatrix {
    let values = try matrix(tensor)
    let isRight =
      if case .stack(let experts) = part {
        tensor.dimensions.count == 2 && values.rows == experts
      } else {
        tensor.dimensions.count == 1
      }
    guard isRight else {
      throw AdapterError.unsupportedTarget(
        adapter: file.path, tensor: tensor.name, reason: "it has \(tensor.dimensions.count) dimensions")
    }
    return values
  }

  private func matrix(_ tensor: TensorInfo) throws -> WeightMatrix {
    switch tensor.type {
    case .f32, .f16, .bf16, .q8_0: break
    default:
      throw AdapterError.unsupportedFactorType(file: file.path, tensor: tensor.name, type: tensor.type.name)
    }
    return try WeightMatrix(
      file.bytes(of: tensor), owner: file, type: tensor.type,
      rows: tensor.dimensions.dropFirst().reduce(1, *), columns: tensor.dimensions[0])
  }
}
