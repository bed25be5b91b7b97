import Kernels

/// Adapters bound to one model at fixed scales: an immutable value that requests pin while they run.
///
/// Equal ids mean equal effect: the id is made of each adapter's content hash and effective scale.
package final class AdapterSet: Sendable, Identifiable {
  package let id: String
  package let deltas: DeltaSet
  /// Norm weights that replace the model's, by site.
  package let norms: [Int: Matrix]

  package init(id: String, deltas: DeltaSet, norms: [Int: Matrix] = [:]) {
    self.id = id
    self.deltas = deltas
    self.norms = norms
  }
}
