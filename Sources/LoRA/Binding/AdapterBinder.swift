import Transformer

/// Fits adapters to one model: `AdapterBinding`, or what stands before it.
package protocol AdapterBinder: Sendable {
  /// Everything that keeps an adapter from being applied, in the order of its tensors; empty: it fits.
  func problems(_ adapter: Adapter) -> [AdapterError]

  /// Binds adapters as one set; nil where nothing is left to add. The order of `entries` does not matter.
  func bind(_ entries: [AdapterBinding.Entry]) throws(AdapterError) -> AdapterSet?
}
