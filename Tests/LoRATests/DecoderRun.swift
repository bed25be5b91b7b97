import GGUF
import Kernels
import LoRA
import TestSupport
import Transformer

/// A model as the tests run it: through the decoder, without tokenizer or sampling.
struct DecoderRun {
  let decoder: Decoder

  init(_ path: String, _ table: KernelTable = .reference, threads: Int = 2) throws {
    decoder = try Decoder(GGUFFile.open(path), compute: Compute(table: table, threads: threads))
  }

  init(_ file: GGUFFile, _ table: KernelTable = .reference, threads: Int = 2) throws {
    decoder = try Decoder(file, compute: Compute(table: table, threads: threads))
  }

  /// The tables of this processor's instruction sets; none where there is only the portable one.
  static let fastTables = ["x86-64-v3", "x86-64-v4"].compactMap { try? KernelTable.best(environment: $0) }

  /// Every table that this processor can run.
  static let tables: [KernelTable] = [.reference, .portable] + fastTables

  func bind(_ adapters: [(LoRA.Adapter, Float)]) throws -> AdapterSet? {
    try AdapterBinding.bind(adapters.map { AdapterBinding.Entry($0.0, scale: $0.1) }, to: decoder)
  }

  /// Logits of every position, `batch` tokens a forward pass (nil: all at once). Adapters that wait for a sequence of
  /// tokens act from its last occurrence on.
  func logits(_ tokens: [Int], _ adapters: AdapterSet? = nil, batch size: Int? = nil) throws -> [[Float]] {
    let size = size ?? tokens.count
    let state = DecoderState(
      decoder, maximumTokens: size, maximumLogits: size,
      vocabularySize: decoder.vocabularySize(with: adapters))
    let sequence = decoder.makeSequence(capacity: tokens.count)
    let start = adapters?.activation?.start(in: tokens.map { Int32($0) })
    var rows: [[Float]] = []
    var next = 0
    while next < tokens.count {
      let part = tokens[next..<min(next + size, tokens.count)].map { Int32($0) }
      var batch = Batch()
      try batch.append(part, to: sequence, adapters: adapters, activeFrom: start, logits: .all)
      try decoder.forward(batch, state)
      for row in part.indices { rows.append(state.logits.values(row: row)) }
      next += part.count
    }
    return rows
  }
}

extension ConformanceManifest {
  /// The adapters of a case, or nil if one of them has no GGUF form.
  func adapters(of item: ConformanceCase) throws -> [(LoRA.Adapter, Float)]? {
    var found: [(LoRA.Adapter, Float)] = []
    for applied in item.adapters {
      guard adapters[applied.name]?.gguf != nil else { return nil }
      found.append((try LoRA.Adapter.read(GGUFFile.open(adapterPath(applied.name))), applied.scale))
    }
    return found
  }
}

extension DecoderRun {
  /// Logits of the last position, all tokens in one forward pass.
  func lastLogits(_ tokens: [Int], _ adapters: AdapterSet?) throws -> [Float] {
    let state = DecoderState(decoder, maximumTokens: tokens.count, maximumLogits: 1)
    var batch = Batch()
    try batch.append(
      tokens.map { Int32($0) }, to: decoder.makeSequence(capacity: tokens.count), adapters: adapters,
      logits: .last)
    try decoder.forward(batch, state)
    return state.logits.values(row: 0)
  }
}
