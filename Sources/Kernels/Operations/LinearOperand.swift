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
