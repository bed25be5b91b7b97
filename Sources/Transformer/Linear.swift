import Kernels

/// The one way from activations to weight bytes, and so the one place where adapters enter: `y = W·x (+ bias)` plus,
/// for each run of rows with an adapter set, its delta at this site.
package struct Linear: Sendable {
  package let operand: LinearOperand

  package var weight: WeightMatrix { operand.weight }
  package var site: Int { operand.site }
}

extension DecoderState {
  /// `output` may have more columns than the matrix rows; those behind stay as they are.
  func apply(_ linear: Linear, _ input: Matrix, into output: Matrix, _ rows: BatchRows) {
    workspace.linear(input, tokens: rows.count, runs: rows.runs, linear.operand, into: output)
  }

  /// Matrices that multiply different rows of one input, in one parallel region. `runs` are those of the input's rows.
  func apply(_ parts: [LinearPart], _ input: Matrix, rows: Int, width: BatchWidth, runs: [DeltaRun]) {
    workspace.linear(input, tokens: rows, width: width, runs: runs, parts)
  }

  /// Two matrices that share an input, in one parallel region.
  func apply(
    _ first: Linear, into firstOutput: Matrix, _ second: Linear, into secondOutput: Matrix, _ input: Matrix,
    _ rows: BatchRows
  ) {
    workspace.linear(
      input, tokens: rows.count, runs: rows.runs, first.operand, into: firstOutput, second.operand,
      into: secondOutput)
  }

  /// Three matrices that share an input, in one parallel region.
  func apply(
    _ first: Linear, into firstOutput: Matrix, _ second: Linear, into secondOutput: Matrix, _ third: Linear,
    into thirdOutput: Matrix, _ input: Matrix, _ rows: BatchRows
  ) {
    workspace.linear(
      input, tokens: rows.count, runs: rows.runs, first.operand, into: firstOutput, second.operand,
      into: secondOutput, third.operand, into: thirdOutput)
  }
}
