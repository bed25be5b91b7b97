import Kernels

/// RMS normalisation with a learned weight. Adapters that bring their own weight replace it, by site.
package struct Norm: Sendable {
  package let weight: Matrix
  package let site: Int

  /// The adapters' weight, or the model's where they bring none.
  func weight(for adapters: AdapterSet?) -> Matrix { adapters?.norms[site] ?? weight }
}

extension DecoderState {
  func apply(_ norm: Norm, _ input: Matrix, into output: Matrix, _ rows: BatchRows, epsilon: Float) {
    var row = 0
    var index = 0
    while index < rows.adapterRuns.count {
      // Rows that share the weight are normalised together.
      let weight = norm.weight(for: rows.adapterRuns[index].adapters)
      var end = row
      while index < rows.adapterRuns.count,
        norm.weight(for: rows.adapterRuns[index].adapters) === weight
      {
        end += rows.adapterRuns[index].count
        index += 1
      }
      workspace.rmsNorm(input, weight, epsilon: epsilon, into: output, rows: row..<end)
      row = end
    }
  }
}
