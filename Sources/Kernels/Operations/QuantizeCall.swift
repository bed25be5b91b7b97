import GGUF

/// The first step of a matrix product by itself, on the calling thread: activations to the integers that kernels read.
///
/// A forward pass does this inside of `Workspace.linear`; alone it exists to be measured.
package final class QuantizeCall {
  private let table: KernelTable
  private let activations: Activations
  private let input: Matrix
  private let width: BatchWidth
  private let forms: ActivationForms

  /// For all rows of `input`, as weights of `type` read that many.
  package init(_ table: KernelTable, _ input: Matrix, for type: TensorType) {
    self.table = table
    self.input = input
    activations = Activations(tokens: input.rows, columns: input.columns)
    width = BatchWidth(tokens: input.rows)
    forms = table.forms(type, width)
  }

  /// Whether kernels of this table read integers at all.
  package var isNeeded: Bool { !forms.isEmpty }

  package func run() {
    table.quantize(activations.view(input, tokens: input.rows, width: width), forms, input.rows)
  }
}
