import Kernels

/// Rows that an adapter set adds below a model's output matrix: the logits of tokens whose ids are behind the model's.
package struct OutputExtension: Sendable {
  /// One row for each id from the model's vocabulary size on.
  let operand: LinearOperand
  /// What the set's factors do there; nil: nothing.
  let deltas: DeltaSet?

  package init(_ weight: WeightMatrix, _ delta: LowRankDelta?) {
    operand = LinearOperand(weight: weight, bias: nil, site: 0)
    deltas = delta.map { DeltaSet(sites: [$0]) }
  }

  package var count: Int { operand.weight.rows }
  package var weight: WeightMatrix { operand.weight }
  package var delta: LowRankDelta? { deltas?.sites[0] }
}

extension DecoderState {
  /// Logits of the ids behind the model's vocabulary: minus infinity for rows whose adapters do not have such a token.
  func extendLogits(from vocabularySize: Int, _ rows: BatchRows) {
    guard logits.columns > vocabularySize else { return }
    logits.fill(columns: vocabularySize..<logits.columns, rows: rows.count, with: -.infinity)
    defer {
      extensionParts.removeAll(keepingCapacity: true)
      extensionRuns.removeAll(keepingCapacity: true)
    }
    var first = 0
    for run in rows.adapterRuns {
      if let own = run.adapters?.outputExtension {
        let place = extensionRuns.count
        extensionRuns.append(DeltaRun(first: first, count: run.count, deltas: own.deltas))
        extensionParts.append(
          LinearPart(
            operand: own.operand, output: logits, column: vocabularySize, rows: first..<first + run.count,
            runs: place..<place + 1))
      }
      first += run.count
    }
    apply(
      extensionParts, selectedNormed, rows: rows.count, width: BatchWidth(tokens: rows.count),
      runs: extensionRuns)
  }
}
