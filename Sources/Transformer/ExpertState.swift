import Kernels

/// The activations of a mixture of experts: rows gathered by expert. Made once, as all of `DecoderState`.
final class ExpertState {
  let routing: ExpertRouting
  /// The router's scores, `[token][expert]`.
  let scores: Matrix
  /// The inputs of a pass's experts, then their outputs, `[row][embedding]`.
  let gathered: Matrix
  private(set) var runs: [DeltaRun] = []
  private var runsOfGroups: [Range<Int>] = []
  private var parts: [LinearPart] = []

  init(_ h: Hyperparameters, _ experts: Hyperparameters.Experts, tokens: Int) {
    routing = ExpertRouting(tokens: tokens, experts: experts.count, used: experts.used)
    scores = Matrix(rows: tokens, columns: experts.count)
    gathered = Matrix(rows: routing.capacity, columns: h.embeddingLength)
    let groups = min(experts.count, tokens * experts.used)
    runs.reserveCapacity(groups)
    runsOfGroups.reserveCapacity(groups)
    parts.reserveCapacity(2 * groups)
  }

  /// Cuts the batch's runs of adapters along a pass's groups: `runs` are then those of the gathered rows.
  func begin(_ pass: ExpertRouting.Pass, _ rows: BatchRows) {
    runs.removeAll(keepingCapacity: true)
    runsOfGroups.removeAll(keepingCapacity: true)
    for index in pass.groups {
      let group = routing.groups[index]
      let firstRun = runs.count
      // A group's rows are in the order of the batch, and so are its runs.
      var run = 0
      for row in group.rows {
        let token = routing.token(ofRow: row)
        let previous = run
        while token >= rows.runs[run].first + rows.runs[run].count { run += 1 }
        if runs.count == firstRun || run != previous {
          runs.append(DeltaRun(first: row - pass.rows.lowerBound, count: 0, deltas: rows.runs[run].deltas))
        }
        runs[runs.count - 1].count += 1
      }
      runsOfGroups.append(firstRun..<runs.count)
    }
  }

  /// Lets go of the batch's adapters.
  func end() {
    runs.removeAll(keepingCapacity: true)
    parts.removeAll(keepingCapacity: true)
  }

  /// Each expert's matrix with the rows that chose it.
  func parts(
    _ pass: ExpertRouting.Pass, _ first: [Linear], into firstOutput: Matrix, _ second: [Linear]? = nil,
    into secondOutput: Matrix? = nil
  ) -> [LinearPart] {
    parts.removeAll(keepingCapacity: true)
    for (place, index) in pass.groups.enumerated() {
      let group = routing.groups[index]
      let local = group.rows.lowerBound - pass.rows.lowerBound..<group.rows.upperBound - pass.rows.lowerBound
      func part(_ linear: Linear, _ output: Matrix) -> LinearPart {
        LinearPart(operand: linear.operand, output: output, rows: local, runs: runsOfGroups[place])
      }
      parts.append(part(first[group.expert], firstOutput))
      if let second, let secondOutput { parts.append(part(second[group.expert], secondOutput)) }
    }
    return parts
  }
}
