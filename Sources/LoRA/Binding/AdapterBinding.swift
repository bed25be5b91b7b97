import Kernels
import Transformer

/// Adapters fitted to one model: every shape checked, every site found, every effective scale computed once.
package struct AdapterBinding: AdapterBinder {
  /// One adapter and the scale a user asked for.
  package struct Entry: Sendable {
    package let adapter: Adapter
    package let scale: Float

    package init(_ adapter: Adapter, scale: Float) {
      self.adapter = adapter
      self.scale = scale
    }

    fileprivate var key: String { "\(adapter.contentHash)@\(scale)" }
  }

  /// What the id of a set of these will be; empty where all scales are 0, so that there is no set.
  package static func id(of entries: [Entry]) -> String {
    id(entries.filter { $0.scale != 0 }.map(\.key).sorted())
  }

  private static func id(_ keys: [String]) -> String { keys.joined(separator: "+") }

  private let decoder: Decoder
  private let cache: BindingCache

  /// - Parameter cache: of this decoder alone.
  package init(_ decoder: Decoder, cache: BindingCache = BindingCache()) {
    self.decoder = decoder
    self.cache = cache
  }

  /// Everything that keeps an adapter from being applied to a model, in the order of its tensors; empty: it fits.
  package func problems(_ adapter: Adapter) -> [AdapterError] {
    AdapterFitter(adapter, decoder, cache).fit().problems
  }

  /// The same, what shows only when it is bound, and the tokens of an adapter that the model lacks, ascending by id; none if it
  /// does not fit.
  ///
  /// - Complexity: that of `bind`.
  package func check(_ adapter: Adapter) -> (problems: [AdapterError], tokens: [AddedToken]) {
    let (_, found, tokens) = AdapterFitter(adapter, decoder, cache).fit()
    var problems = found
    // Each change by itself may fit, and two of them exclude each other.
    if problems.isEmpty {
      do throws(AdapterError) { _ = try bind([Entry(adapter, scale: 1)]) } catch { problems = [error] }
    }
    return (problems, problems.isEmpty ? tokens : [])
  }

  /// Binds adapters to a model as one set; nil where nothing is left to add (all scales 0), so that scale 0 *is* the
  /// base model. The order of `entries` does not matter: the same adapters and scales make the same set.
  ///
  /// - Complexity: O(changes); factors are copied only where the model's file has its rows in another order. DoRA reads
  ///   every matrix that it changes, once for a scale.
  package func bind(_ entries: [Entry]) throws(AdapterError) -> AdapterSet? {
    var active: [Bound] = []
    for entry in entries {
      guard entry.scale.isFinite else { throw .invalidScale(adapter: entry.adapter.path, scale: entry.scale) }
      let (changes, tokens) = try fit(entry.adapter)
      if entry.scale != 0 {
        active.append(
          Bound(key: entry.key, entry: entry, changes: changes, tokens: tokens))
      }
    }
    active.sort { $0.key < $1.key }
    let waiting = active.filter { $0.entry.adapter.invocationTokens != nil }
    if waiting.count > 1 {
      throw .severalActivated(first: waiting[0].entry.adapter.path, second: waiting[1].entry.adapter.path)
    }
    let set = try self.set(active)
    guard let whole = set, let one = waiting.first, let tokens = one.entry.adapter.invocationTokens else {
      return set
    }
    // Only low-rank factors wait. What is replaced or added is so from the first token on, as in PEFT.
    let before = try self.set(active.compactMap { $0.key == one.key ? $0.withoutFactors : $0 })
    return AdapterSet(
      id: whole.id, deltas: whole.deltas, norms: whole.norms,
      activation: AdapterSet.Activation(
        adapter: one.entry.adapter.name, tokens: tokens,
        before: before), addedTokens: whole.addedTokens, outputExtension: whole.outputExtension)
  }

  /// An adapter's changes at their places, found once if they copy nothing of it: what is in another order belongs to the cache.
  private func fit(_ adapter: Adapter) throws(AdapterError) -> (changes: [FittedChange], tokens: [AddedToken])
  {
    if let known = adapter.fits.value(for: cache) { return (known, []) }
    let (changes, problems, tokens) = AdapterFitter(adapter, decoder, cache).fit()
    if let first = problems.first { throw first }
    let sites = decoder.weights.sites
    let isReordered =
      adapter.naming == .peft
      && changes.contains { sites[$0.site].rowOrder.moves(rows: sites[$0.site].outputs) }
    if !isReordered, adapter.addedTokens.isEmpty {
      adapter.fits.update(for: cache, first: changes) { $0 = changes }
    }
    return (changes, tokens)
  }

  private struct Bound {
    let key: String
    let entry: Entry
    let changes: [FittedChange]
    let tokens: [AddedToken]

    /// What of an activated adapter does not wait; nil: nothing.
    var withoutFactors: Bound? {
      let rest = changes.filter { if case .lowRank = $0 { false } else { true } }
      if rest.isEmpty, tokens.isEmpty { return nil }
      return Bound(key: key + " before", entry: entry, changes: rest, tokens: tokens)
    }
  }

  private func set(_ entries: [Bound]) throws(AdapterError) -> AdapterSet? {
    var builder = SetBuilder(decoder, cache)
    let computed = cache.computedCount
    defer {
      if cache.computedCount != computed || builder.hasPacked {
        // What was read for norms and packing is not read again, and leaves as much free memory as the adapter takes.
        for bound in entries { bound.entry.adapter.forgetPages() }
        AlignedMemory.giveBackFreed()
      }
    }
    for bound in entries {
      try builder.add(bound.changes, bound.entry.adapter, scale: bound.entry.scale)
      try builder.add(bound.tokens, bound.entry.adapter)
    }
    return builder.set(id: Self.id(entries.map(\.key)))
  }

  // MARK: Without a cache

  package static func problems(_ adapter: Adapter, _ decoder: Decoder) -> [AdapterError] {
    AdapterBinding(decoder).problems(adapter)
  }

  package static func bind(_ entries: [Entry], to decoder: Decoder) throws(AdapterError) -> AdapterSet? {
    try AdapterBinding(decoder).bind(entries)
  }
}
