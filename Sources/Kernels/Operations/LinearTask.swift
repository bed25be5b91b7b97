import Synchronization

/// One parallel region: matrices that share an input, with every adapter's delta. Each multiplies all rows, or, as the
/// experts of a mixture do, a range of them.
///
/// Items come in three kinds, claimed in this order: first the integers that the matrices read of some tokens,
/// then the `A·x` of every delta (small), then tiles of rows of the base matrices. A tile's epilogue adds `B·h` and the bias
/// while its results are in cache. An item waits for those of an earlier kind, if it reads what they write, only as long as
/// one is still running on another thread. So an adapter adds no barrier, and no path to the weights goes around the deltas.
final class LinearTask: PoolTask {
  private let table: KernelTable
  /// Of the table, which lives as long.
  private let factors: Unmanaged<FactorKernels>?
  private let scratch: WorkerScratch
  private let plan = LinearPlan()
  private var hidden: HiddenMemory
  private var input: ActivationView?
  private var tokens = 0
  /// Items that make integers of `tokensPerQuantization` tokens each.
  private var quantizationCount = 0
  private let quantizationsDone = Atomic<Int>(0)
  private let projectionsDone = Atomic<Int>(0)
  private var runs: [DeltaRun] = []

  var itemCount: Int { leadingItemCount + plan.tileCount }
  /// Items that others wait for.
  var leadingItemCount: Int { quantizationCount + plan.projections.count }
  /// Of the other items, as many may be claimed at a time.
  var itemsTogether: Int { plan.tilesTogether }
  /// Few tokens are divided among threads one by one.
  private var tokensPerQuantization: Int { input?.width == .many ? 8 : 1 }

  @available(*, unavailable)
  override init() { preconditionFailure("a task needs its table and scratch memory") }

  init(table: KernelTable, scratch: WorkerScratch, tokens: Int) {
    self.table = table
    factors = table.factors.map(Unmanaged.passUnretained)
    self.scratch = scratch
    hidden = HiddenMemory(tokens: tokens, columns: 64)
  }

  /// Begins a region for `tokens` rows of `input`.
  func begin(_ input: ActivationView, tokens: Int, runs: [DeltaRun]) {
    for run in runs { precondition(run.first >= 0 && run.count >= 0 && run.first + run.count <= tokens) }
    plan.removeAll()
    self.input = input
    self.tokens = tokens
    self.runs = runs
    quantizationsDone.store(0, ordering: .relaxed)
    projectionsDone.store(0, ordering: .relaxed)
  }

  /// Adds a matrix; whoever calls this holds `operand` and `output` until the region has ended.
  func add(_ operand: LinearOperand, _ output: Matrix, threads: Int) {
    add(
      LinearPart(operand: operand, output: output, rows: 0..<tokens, runs: 0..<runs.count), threads: threads)
  }

  func add(_ part: LinearPart, threads: Int) {
    let operand = part.operand, output = part.output, rows = part.rows
    precondition(
      operand.weight.columns == input?.columns && part.column >= 0
        && part.column + operand.weight.rows <= output.columns)
    precondition(tokens <= output.rows && rows.lowerBound >= 0 && rows.upperBound <= tokens)
    for run in runs[part.runs] {
      precondition(run.first >= rows.lowerBound && run.first + run.count <= rows.upperBound)
    }
    plan.add(
      operand, into: output, column: part.column, rows: rows, runs: runs[part.runs], threads: threads,
      width: input?.width ?? .many, table)
  }

  /// The plan is complete.
  func prepare() {
    plan.finish()
    let size = tokensPerQuantization
    quantizationCount = plan.forms.isEmpty ? 0 : (tokens + size - 1) / size
    if plan.hiddenColumns > hidden.rows.columns {
      hidden = HiddenMemory(tokens: hidden.tokens, columns: plan.hiddenColumns)
    }
  }

  /// Lets go of the batch's runs: as long as two hold them, the batch cannot be emptied in place, and an adapter that was
  /// removed lives on.
  func end() {
    plan.removeAll()
    input = nil
    runs = []
  }

  /// Integers of some tokens, or a projection.
  private func runLeading(_ item: Int, _ input: ActivationView, _ worker: Int) {
    if item < quantizationCount {
      let size = tokensPerQuantization, first = item * size
      table.quantize(input.dropping(tokens: first), plan.forms, min(size, tokens - first))
      quantizationsDone.wrappingAdd(1, ordering: .releasing)
      return
    }
    project(plan.projections[item - quantizationCount], input, worker)
    projectionsDone.wrappingAdd(1, ordering: .releasing)
  }

  /// Tiles of a matrix that were claimed together become one.
  override func run(items: Range<Int>, worker: Int) {
    guard let input else { return }
    let leading = leadingItemCount
    if items.lowerBound < leading {
      assert(items.count == 1)
      return runLeading(items.lowerBound, input, worker)
    }
    var tile = items.lowerBound - leading
    let end = items.upperBound - leading
    while tile < end {
      let slot = plan.slot(ofTile: tile)
      let last = min(end, slot.tiles.upperBound)
      let first = (tile - slot.tiles.lowerBound) * slot.tileRows
      let rows = min((last - tile) * slot.tileRows, slot.weight.rows - first)
      runTile(slot, first, rows, input, worker)
      tile = last
    }
  }

  private func waitForQuantizations() {
    spinWait { quantizationsDone.load(ordering: .acquiring) >= quantizationCount }
  }

  private func waitForProjections() {
    spinWait { projectionsDone.load(ordering: .acquiring) >= plan.projections.count }
  }

  private func project(_ item: LinearPlan.Projection, _ input: ActivationView, _ worker: Int) {
    let part = plan.parts[item.part]
    let rows = hidden.rows.dropping(tokens: item.firstToken)
    let target = rows.floats + part.column
    let x = input.dropping(tokens: item.firstToken)
    // Packed factors read few tokens as float32.
    if part.pair.panels == nil || x.width == .many { waitForQuantizations() }
    if part.pair.panels != nil, let factors {
      factors._withUnsafeGuaranteedRef { factors in
        factors.project(
          part.pair.a, part.pair.sharesScales, part.weightType, x, item.tokens, target, rows.columns,
          scratch.base(worker))
        factors.quantize(rows, part.column, part.pair.a.rows, item.tokens, part.pair.scale)
      }
      return
    }
    table.project(part.pair.a, x, item.tokens, target, rows.columns, scratch.base(worker))
    for token in 0..<item.tokens {
      let line = target + token * rows.columns
      for k in 0..<part.pair.a.rows { line[k] *= part.pair.scale }
    }
  }

  private func runTile(
    _ slot: LinearPlan.Slot, _ first: Int, _ rows: Int, _ input: ActivationView, _ worker: Int
  ) {
    let output = slot.output + first
    let work = scratch.base(worker)
    var weight = slot.weight.slice(first, rows)
    weight.beside = plan.streams(beside: slot, row: first)
    waitForQuantizations()
    if fused(slot, weight, first, output, input, worker) { return }
    // All rows together even if their adapters differ, and even those whose matrix is replaced below: so no row's bits
    // depend on what its neighbours use.
    if first + rows > slot.firstBaseRow {
      table.multiply(
        weight, input.dropping(tokens: slot.firstToken), slot.tokens,
        output + slot.firstToken * slot.stride, slot.stride, work)
    }
    if !slot.deltas.isEmpty {
      for index in slot.deltas {
        let delta = plan.deltas[index]
        // A replacement may be shorter than the matrix, whose own rows then follow.
        guard let replacement = delta.values.replacement, first < replacement.rows else { continue }
        table.multiply(
          replacement.slice(first, min(rows, replacement.rows - first)),
          input.dropping(tokens: delta.firstToken), delta.tokens,
          output + delta.firstToken * slot.stride, slot.stride, work)
      }
      waitForProjections()
      for index in slot.deltas {
        let delta = plan.deltas[index]
        addDelta(
          delta, input, first, rows, output + delta.firstToken * slot.stride, slot.stride, worker)
      }
    }
    addBias(slot.bias, first, rows, output + slot.firstToken * slot.stride, slot.stride, slot.tokens)
  }

  /// Does a tile whose rows all have one adapter set, or none, in one step, where the table has such a kernel and there is
  /// anything to add.
  private func fused(
    _ slot: LinearPlan.Slot, _ weight: WeightTile, _ first: Int, _ output: UnsafeMutablePointer<Float>,
    _ input: ActivationView, _ worker: Int
  ) -> Bool {
    let delta = slot.deltas.first.map { plan.deltas[$0] }
    guard slot.deltas.count <= 1, delta != nil || slot.bias != nil,
      let multiplyAdding = table.multiplyAdding(weight.type, input.width)
    else {
      return false
    }
    if let delta {
      guard delta.values.canFuse, delta.tokens == slot.tokens else { return false }
      waitForProjections()
    }
    multiplyAdding(
      weight, input.dropping(tokens: slot.firstToken), slot.tokens,
      output + slot.firstToken * slot.stride, slot.stride,
      TileDelta(
        parts: plan.parts.view, range: delta?.parts ?? 0..<0, gain: delta?.values.gain,
        bias: delta?.values.bias,
        baseBias: slot.bias, firstRow: first, hidden: hidden.rows.dropping(tokens: slot.firstToken),
        vectors: scratch.tile(worker)),
      scratch.base(worker))
    return true
  }

  private func addDelta(
    _ delta: LinearPlan.Delta, _ input: ActivationView, _ first: Int, _ rows: Int,
    _ output: UnsafeMutablePointer<Float>, _ stride: Int, _ worker: Int
  ) {
    delta.values.rows?._withUnsafeGuaranteedRef { own in
      own.multiply(
        input.dropping(tokens: delta.firstToken), tokens: delta.tokens, first: first, count: rows,
        into: output, stride: stride)
    }
    // Factors that share W's gain are added before it: DoRA by itself costs one more product for an output.
    for index in delta.parts where plan.parts[index].pair.gain == delta.values.gain {
      addPart(plan.parts[index], delta, first, rows, output, stride, worker)
    }
    if let gain = delta.values.gain {
      for token in 0..<delta.tokens {
        table.multiplyElements(gain + first, rows, output + token * stride)
      }
    }
    for index in delta.parts where plan.parts[index].pair.gain != delta.values.gain {
      addPart(
        plan.parts[index], delta, first, rows, output, stride, worker, gain: plan.parts[index].pair.gain)
    }
    addBias(delta.values.bias, first, rows, output, stride, delta.tokens)
  }

  /// `output += gain ⊙ B·h`
  private func addPart(
    _ part: LinearPlan.Part, _ delta: LinearPlan.Delta, _ first: Int, _ rows: Int,
    _ output: UnsafeMutablePointer<Float>, _ stride: Int, _ worker: Int,
    gain: UnsafeMutablePointer<Float>? = nil
  ) {
    let hidden = hidden.rows.dropping(tokens: delta.firstToken)
    if let panels = part.pair.panels, let factors {
      factors._withUnsafeGuaranteedRef {
        $0.add(
          panels, first, rows, hidden, part.column, delta.tokens, gain.map { UnsafePointer($0 + first) },
          output, stride)
      }
      return
    }
    let h = hidden.floats + part.column
    let tile = part.pair.b.slice(first, rows)
    guard let gain else {
      return table.addMultiply(
        tile, h, hidden.columns, delta.tokens, output, stride, scratch.base(worker))
    }
    let sums = scratch.tile(worker)
    let together = max(1, WorkerScratch.tileFloats / rows)
    for token in Swift.stride(from: 0, to: delta.tokens, by: together) {
      let count = min(together, delta.tokens - token)
      sums.update(repeating: 0, count: count * rows)
      table.addMultiply(
        tile, h + token * hidden.columns, hidden.columns, count, sums, rows, scratch.base(worker))
      for t in 0..<count {
        let line = output + (token + t) * stride, sum = sums + t * rows
        for row in 0..<rows { line[row] += gain[first + row] * sum[row] }
      }
    }
  }

  private func addBias(
    _ bias: UnsafeMutablePointer<Float>?, _ first: Int, _ rows: Int, _ output: UnsafeMutablePointer<Float>,
    _ stride: Int, _ tokens: Int
  ) {
    guard let bias else { return }
    for token in 0..<tokens { table.addScaled(bias + first, 1, rows, output + token * stride) }
  }
}
