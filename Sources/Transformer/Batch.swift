import Kernels

/// One sequence's keys, values and length.
package final class SequenceState {
  package let store: KVStore
  /// Positions written so far.
  package internal(set) var length = 0

  package init(store: KVStore) { self.store = store }

  package var capacity: Int { store.capacity }

  /// Forgets positions from `length` on.
  package func truncate(to length: Int) {
    precondition(length >= 0 && length <= self.length)
    self.length = length
  }

  /// Becomes a copy of another sequence of the same model and capacity: its first `length` positions.
  package func copy(_ other: SequenceState, length: Int) {
    precondition(length >= 0 && length <= other.length)
    store.copyPrefix(of: other.store, count: length)
    self.length = length
  }
}

/// Consecutive rows of a batch with the same adapters.
package struct AdapterRun {
  var count: Int
  var adapters: AdapterSet?
}

/// Which rows an operation works on, and what adapters each has.
struct BatchRows {
  var count = 0
  var runs: [DeltaRun] = []
  var adapterRuns: [AdapterRun] = []

  mutating func removeAll() {
    count = 0
    runs.removeAll(keepingCapacity: true)
    adapterRuns.removeAll(keepingCapacity: true)
  }

  mutating func append(_ rows: Int, _ adapters: AdapterSet?) {
    if rows == 0 { return }
    if let last = adapterRuns.indices.last, adapterRuns[last].adapters === adapters {
      adapterRuns[last].count += rows
      runs[last].count += rows
    } else {
      adapterRuns.append(AdapterRun(count: rows, adapters: adapters))
      runs.append(DeltaRun(first: count, count: rows, deltas: adapters?.deltas))
    }
    count += rows
  }
}

/// The rows of one forward pass: tokens of one or many sequences, each with its own adapters.
package struct Batch {
  /// Consecutive tokens of one sequence with one adapter set.
  struct Part {
    var sequence: SequenceState
    var firstRow: Int
    var count: Int
    var firstPosition: Int
    var adapters: AdapterSet?
  }

  package private(set) var tokens: [Int32] = []
  private(set) var positions: [Int] = []
  private(set) var parts: [Part] = []
  private(set) var rows = BatchRows()
  /// Rows whose logits are wanted, ascending, and their adapters.
  package private(set) var wanted: [Int] = []
  private(set) var wantedRows = BatchRows()

  package enum Logits: Sendable { case none, last, all }

  package init() {}

  package var count: Int { tokens.count }

  package mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    positions.removeAll(keepingCapacity: true)
    parts.removeAll(keepingCapacity: true)
    rows.removeAll()
    wanted.removeAll(keepingCapacity: true)
    wantedRows.removeAll()
  }

  /// Adds the next tokens of a sequence. A sequence may come twice with different adapters (its later tokens last).
  ///
  /// - Throws: `contextExceeded` if the sequence's store is too small; the batch is then unchanged.
  package mutating func append(
    _ newTokens: some Collection<Int32>, to sequence: SequenceState, adapters: AdapterSet?, logits: Logits
  ) throws(ModelError) {
    if newTokens.isEmpty { return }
    let first = nextPosition(of: sequence)
    guard first + newTokens.count <= sequence.capacity else {
      throw .contextExceeded(limit: sequence.capacity, requested: first + newTokens.count)
    }
    parts.append(
      Part(
        sequence: sequence, firstRow: tokens.count, count: newTokens.count, firstPosition: first,
        adapters: adapters))
    switch logits {
    case .none: break
    case .last:
      wanted.append(tokens.count + newTokens.count - 1)
      wantedRows.append(1, adapters)
    case .all:
      for i in 0..<newTokens.count { wanted.append(tokens.count + i) }
      wantedRows.append(newTokens.count, adapters)
    }
    for (i, token) in newTokens.enumerated() {
      tokens.append(token)
      positions.append(first + i)
    }
    rows.append(newTokens.count, adapters)
  }

  /// Adds the next tokens of a sequence whose adapters are activated from a position on (`AdapterSet.activation`): those
  /// before it get what acts until then. A set that waits for nothing acts everywhere.
  ///
  /// - Parameter start: nil: the set is not activated.
  /// - Throws: as `append(_:to:adapters:logits:)`.
  package mutating func append(
    _ newTokens: some Collection<Int32>, to sequence: SequenceState, adapters: AdapterSet?,
    activeFrom start: Int?,
    logits: Logits
  ) throws(ModelError) {
    guard let activation = adapters?.activation else {
      return try append(newTokens, to: sequence, adapters: adapters, logits: logits)
    }
    let first = nextPosition(of: sequence)
    guard first + newTokens.count <= sequence.capacity else {
      throw .contextExceeded(limit: sequence.capacity, requested: first + newTokens.count)
    }
    let inactive = min(max(0, (start ?? .max) - first), newTokens.count)
    let isAllInactive = inactive == newTokens.count
    try append(
      newTokens.prefix(inactive), to: sequence, adapters: activation.before,
      logits: logits == .last && !isAllInactive ? .none : logits)
    try append(newTokens.dropFirst(inactive), to: sequence, adapters: adapters, logits: logits)
  }

  private func nextPosition(of sequence: SequenceState) -> Int {
    guard let last = parts.last(where: { $0.sequence === sequence }) else { return sequence.length }
    return last.firstPosition + last.count
  }
}
