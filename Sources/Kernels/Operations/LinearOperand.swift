/// One matrix of a group that reads the same input: its weights, its place in the model, where its result goes.
package struct LinearOperand: Sendable {
  package let weight: WeightMatrix
  /// `1 × outputs`, added to the result.
  package let bias: Matrix?
  /// The number under which adapters address this matrix.
  package let site: Int

  package init(weight: WeightMatrix, bias: Matrix?, site: Int) {
    self.weight = weight
    self.bias = bias
    self.site = site
  }
}

/// A matrix that multiplies a range of a batch's rows: one expert, for the tokens that chose it.
package struct LinearPart: Sendable {
  package let operand: LinearOperand
  package let output: Matrix
  /// Where in a row of `output` the results begin.
  package let column: Int
  /// Rows of the input, and of `output`.
  package let rows: Range<Int>
  /// The batch's runs that lie within `rows`; none crosses their border.
  package let runs: Range<Int>

  package init(
    operand: LinearOperand, output: Matrix, column: Int = 0, rows: Range<Int>, runs: Range<Int>
  ) {
    self.operand = operand
    self.output = output
    self.column = column
    self.rows = rows
    self.runs = runs
  }
}
