import Synchronization

/// One parallel region: up to three matrices that share an input, with every adapter's delta.
///
/// Items come in two kinds, claimed in this order: first the `A·x` of every delta (small), then tiles of rows of the
/// base matrices. A tile's epilogue adds `B·h` and the bias while its results are in cache; it waits for the first
/// kind only if one is still running on another thread. So an adapter adds no barrier, and no path to the weights
/// goes around the deltas.
final class LinearTask: PoolTask {
  private struct Slot {
    var operand: LinearOperand
    var output: Matrix
    var tileRows: Int
    /// The number of this slot's first tile.
    var firstTile: Int
    /// The column of `hidden` where this slot's first segment begins.
    var firstColumn: Int
    var hasDelta: Bool
  }

  private struct LowRankItem {
    var slot: Int
    var run: Int
    var segment: Int
    var firstToken: Int
    var tokens: Int
    /// Column of `hidden`.
    var column: Int
  }

  private static let lowRankTokens = 64
  /// Weight bytes of a tile when one token reads it.
  private static let tileBytes = 256 << 10

  private let table: KernelTable
  private let scratch: WorkerScratch
  private var slots: [Slot] = []
  private var items: [LowRankItem] = []
  private var runs: [DeltaRun] = []
  private var hidden: Matrix
  private var input: ActivationView
  private var tokens = 0
  private let lowRankDone = Atomic<Int>(0)
  private(set) var itemCount = 0

  @available(*, unavailable)
  override init() { preconditionFailure("a task needs its table and scratch memory") }

  init(table: KernelTable, scratch: WorkerScratch, tokens: Int) {
    self.table = table
    self.scratch = scratch
    hidden = Matrix(rows: tokens, columns: 64)
    let empty = UnsafeMutablePointer<Float>(bitPattern: 64)!
    let none = QuantizedView(
      codes: UnsafeMutableRawPointer(empty), scales: empty, sums32: empty, sums16: empty, centers: empty)
    input = ActivationView(floats: empty, columns: 0, int8: none, int16: none)
    slots.reserveCapacity(3)
    items.reserveCapacity(256)
  }

  /// Begins a region for `tokens` rows of `input`.
  func begin(_ input: ActivationView, tokens: Int, runs: [DeltaRun]) {
    for run in runs { precondition(run.first >= 0 && run.count >= 0 && run.first + run.count <= tokens) }
    slots.removeAll(keepingCapacity: true)
    items.removeAll(keepingCapacity: true)
    self.input = input
    self.tokens = tokens
    self.runs = runs
  }

  func add(_ operand: LinearOperand, _ output: Matrix) {
    precondition(operand.weight.columns == input.columns && output.columns == operand.weight.rows)
    precondition(tokens <= output.rows)
    slots.append(
      Slot(operand: operand, output: output, tileRows: 0, firstTile: 0, firstColumn: 0, hasDelta: false))
  }

  /// Lets go of the batch's runs and outputs: as long as two hold them, the batch cannot be emptied in place, and an
  /// adapter that was removed lives on.
  func end() {
    slots.removeAll(keepingCapacity: true)
    runs = []
  }

  /// The quantized forms that this region reads.
  func plan(threads: Int) -> ActivationForms {
    var forms: ActivationForms = []
    var tile = 0
    var column = 0
    for s in slots.indices {
      let weight = slots[s].operand.weight
      forms.formUnion(table.forms(weight.type, tokens))
      slots[s].firstColumn = column
      var widest = 0
      for r in runs.indices {
        guard let delta = runs[r].delta(at: slots[s].operand.site) else { continue }
        slots[s].hasDelta = true
        if let replacement = delta.replacement {
          forms.formUnion(table.forms(replacement.type, runs[r].count))
        }
        var segmentColumn = column
        for g in delta.segments.indices {
          forms.formUnion(table.forms(delta.segments[g].a.type, runs[r].count))
          var token = runs[r].first
          let end = token + runs[r].count
          while token < end {
            let count = min(Self.lowRankTokens, end - token)
            // A single row reads 16-bit forms even in a batch whose other rows do not.
            forms.formUnion(table.forms(delta.segments[g].a.type, count))
            items.append(
              LowRankItem(
                slot: s, run: r, segment: g, firstToken: token, tokens: count, column: segmentColumn))
            token += count
          }
          segmentColumn += delta.segments[g].rank
        }
        widest = max(widest, delta.totalRank)
      }
      column += widest
      let tiles = Self.tiles(of: weight, tokens: tokens, threads: threads, table: table)
      slots[s].tileRows = tiles.rows
      slots[s].firstTile = tile
      tile += tiles.count
    }
    if column > hidden.columns { hidden = Matrix(rows: hidden.rows, columns: column) }
    lowRankDone.store(0, ordering: .relaxed)
    itemCount = items.count + tile
    return forms
  }

  private static func tiles(
    of weight: WeightMatrix, tokens: Int, threads: Int, table: KernelTable
  ) -> (rows: Int, count: Int) {
    var rows = table.tileRows
    if tokens == 1 {
      // Big enough to stream, small enough that threads finish together.
      let bytesLimit = tileBytes / max(1, weight.rowBytes)
      let shareLimit = weight.rows / (threads * 4)
      rows = max(16, min(bytesLimit, shareLimit) & ~15)
    }
    return (rows, (weight.rows + rows - 1) / rows)
  }

  override func run(item: Int, worker: Int) {
    if item < items.count {
      runLowRank(items[item], worker)
      lowRankDone.wrappingAdd(1, ordering: .releasing)
      return
    }
    let tile = item - items.count
    var s = slots.count - 1
    while slots[s].firstTile > tile { s -= 1 }
    runTile(slots[s], tile - slots[s].firstTile, worker)
  }

  private func runLowRank(_ item: LowRankItem, _ worker: Int) {
    guard let delta = runs[item.run].delta(at: slots[item.slot].operand.site) else { return }
    let segment = delta.segments[item.segment]
    let target = hidden.row(item.firstToken) + item.column
    table.multiply(
      WeightTile(segment.a, first: 0, rows: segment.rank), input.dropping(tokens: item.firstToken),
      item.tokens, target,
      hidden.columns, scratch.base(worker))
    for token in 0..<item.tokens {
      let line = target + token * hidden.columns
      for k in 0..<segment.rank { line[k] *= segment.scale }
    }
  }

  private func runTile(_ slot: Slot, _ tile: Int, _ worker: Int) {
    let weight = slot.operand.weight
    let first = tile * slot.tileRows
    let rows = min(slot.tileRows, weight.rows - first)
    let stride = slot.output.columns
    let output = slot.output.pointer + first
    let work = scratch.base(worker)
    if !slot.hasDelta {
      table.multiply(WeightTile(weight, first: first, rows: rows), input, tokens, output, stride, work)
      addBias(slot.operand.bias, first, rows, output, stride, tokens)
      return
    }
    // All rows together even if their adapters differ, and even those whose matrix is replaced below: so no row's bits
    // depend on what its neighbours use.
    if runs.contains(where: { $0.delta(at: slot.operand.site)?.replacement == nil }) {
      table.multiply(WeightTile(weight, first: first, rows: rows), input, tokens, output, stride, work)
    }
    for run in runs where run.count > 0 {
      guard let replacement = run.delta(at: slot.operand.site)?.replacement else { continue }
      table.multiply(
        WeightTile(replacement, first: first, rows: rows), input.dropping(tokens: run.first), run.count,
        output + run.first * stride, stride, work)
    }
    spinWait { lowRankDone.load(ordering: .acquiring) >= items.count }
    for run in runs {
      guard let delta = run.delta(at: slot.operand.site) else { continue }
      addDelta(delta, run, slot, first, rows, output + run.first * stride, stride, worker)
    }
    addBias(slot.operand.bias, first, rows, output, stride, tokens)
  }

  private func addDelta(
    _ delta: LowRankDelta, _ run: DeltaRun, _ slot: Slot, _ first: Int, _ rows: Int,
    _ output: UnsafeMutablePointer<Float>, _ stride: Int, _ worker: Int
  ) {
    if let own = delta.rows {
      own.multiply(
        input.dropping(tokens: run.first), tokens: run.count, first: first, count: rows, into: output,
        stride: stride)
    }
    if let gain = delta.gain {
      for token in 0..<run.count {
        let line = output + token * stride
        for row in 0..<rows { line[row] *= gain.pointer[first + row] }
      }
    }
    var column = slot.firstColumn
    for segment in delta.segments {
      let h = hidden.row(run.first) + column
      column += segment.rank
      let tile = WeightTile(segment.b, first: first, rows: rows)
      guard let gain = segment.gain else {
        table.addMultiply(tile, h, hidden.columns, run.count, output, stride, scratch.base(worker))
        continue
      }
      let part = scratch.tile(worker)
      for token in 0..<run.count {
        for row in 0..<rows { part[row] = 0 }
        table.addMultiply(
          tile, h + token * hidden.columns, hidden.columns, 1, part, rows, scratch.base(worker))
        let line = output + token * stride
        for row in 0..<rows { line[row] += gain.pointer[first + row] * part[row] }
      }
    }
    addBias(delta.bias, first, rows, output, stride, run.count)
  }

  private func addBias(
    _ bias: Matrix?, _ first: Int, _ rows: Int, _ output: UnsafeMutablePointer<Float>, _ stride: Int,
    _ tokens: Int
  ) {
    guard let bias else { return }
    for token in 0..<tokens { table.addScaled(bias.pointer + first, 1, rows, output + token * stride) }
  }
}
