/// The operations of a forward pass, with the memory they need, for batches of at most `tokens` rows.
///
/// A workspace belongs to one forward pass at a time. For a single token nothing here allocates.
package final class Workspace {
  package let compute: Compute
  package let tokens: Int
  private let columns: Int
  private let activations: Activations
  private let scratch: WorkerScratch
  private let linear: LinearTask
  private let attention: AttentionTask
  private let rowTask = ClosureTask()
  /// `firsts` and `limits` of each token of the present batch: the positions it sees.
  private let visible: AlignedMemory

  /// Rows below which row-wise work stays on the calling thread: starting a region costs more.
  private static let serialRows = 4

  /// `columns`: the widest input of any linear. `headSize` and `heads`: of the attention, `heads` per key/value head.
  package init(compute: Compute, tokens: Int, columns: Int, heads: Int, headSize: Int) {
    self.compute = compute
    self.tokens = tokens
    self.columns = columns
    let table = compute.table
    let rows = AttentionTask.rowsPerItem(heads: heads)
    let bytes = max(table.scratchBytes(columns), table.attentionScratchBytes(rows, headSize))
    activations = Activations(tokens: tokens, columns: columns)
    scratch = WorkerScratch(workers: compute.pool.threadCount, bytes: bytes)
    linear = LinearTask(table: table, scratch: scratch, tokens: tokens)
    attention = AttentionTask(table: table, scratch: scratch, rows: rows, headSize: headSize)
    visible = AlignedMemory(byteCount: tokens * 8)
  }

  /// Bytes of memory held, for accounting.
  package var byteCount: Int { scratch.byteCount + visible.byteCount }

  // MARK: Linear

  /// `output = W·input (+ bias)` with every run's deltas, for up to three matrices that share an input.
  package func linear(
    _ input: Matrix, tokens: Int, runs: [DeltaRun], _ first: LinearOperand, into firstOutput: Matrix,
    _ second: LinearOperand? = nil, into secondOutput: Matrix? = nil, _ third: LinearOperand? = nil,
    into thirdOutput: Matrix? = nil
  ) {
    if tokens == 0 { return }
    beginLinear(input, tokens, runs, BatchWidth(tokens: tokens))
    let threads = compute.pool.threadCount
    withExtendedLifetime((first, firstOutput, second, secondOutput, third, thirdOutput)) {
      linear.add(first, firstOutput, threads: threads)
      if let second, let secondOutput { linear.add(second, secondOutput, threads: threads) }
      if let third, let thirdOutput { linear.add(third, thirdOutput, threads: threads) }
      runLinear()
    }
  }

  /// As above, for matrices that multiply different rows of one input, all in one parallel region. The rows are those of
  /// a batch of `width`.
  package func linear(
    _ input: Matrix, tokens: Int, width: BatchWidth, runs: [DeltaRun], _ parts: [LinearPart]
  ) {
    if tokens == 0 || parts.isEmpty { return }
    beginLinear(input, tokens, runs, width)
    withExtendedLifetime(parts) {
      for part in parts { linear.add(part, threads: compute.pool.threadCount) }
      runLinear()
    }
  }

  private func beginLinear(
    _ input: Matrix, _ tokens: Int, _ runs: [DeltaRun], _ width: BatchWidth
  ) {
    precondition(tokens <= self.tokens && tokens <= input.rows && input.columns <= columns)
    let view = activations.view(input, tokens: tokens, width: width)
    linear.begin(view, tokens: tokens, runs: runs)
  }

  private func runLinear() {
    linear.prepare()
    compute.pool.run(
      linear, items: linear.itemCount, leading: linear.leadingItemCount, together: linear.itemsTogether)
    linear.end()
  }

  // MARK: Rows

  /// Calls `body` for each row, on all threads when there are enough rows.
  package func forEachRow(_ count: Int, _ body: (Int) -> Void) {
    if count < Self.serialRows || compute.pool.threadCount == 1 {
      for row in 0..<count { body(row) }
      return
    }
    withoutActuallyEscaping(body) { escaping in
      rowTask.body = { row, _ in escaping(row) }
      compute.pool.run(rowTask, items: count)
      rowTask.body = nil
    }
  }

  package func rmsNorm(
    _ input: Matrix, _ weight: Matrix, epsilon: Float, into output: Matrix, rows: Range<Int>
  ) {
    precondition(input.columns == weight.columns && output.columns == input.columns)
    forEachRow(rows.count) { index in
      let row = rows.lowerBound + index
      compute.table.rmsNorm(input.row(row), weight.pointer, input.columns, epsilon, output.row(row))
    }
  }

  /// `gate = silu(gate) × up`
  package func siluMultiply(_ gate: Matrix, _ up: Matrix, rows: Int) {
    forEachRow(rows) { row in compute.table.siluMultiply(gate.row(row), up.row(row), gate.columns) }
  }

  /// `target += source`
  package func add(_ source: Matrix, to target: Matrix, rows: Int) {
    precondition(source.columns == target.columns)
    forEachRow(rows) { row in compute.table.addScaled(source.row(row), 1, source.columns, target.row(row)) }
  }

  /// Row `row` of `target` = row `token` of an embedding matrix, plus the run's delta: B · A[token], where row `token` of
  /// `a` is the token's column of A.
  ///
  /// `delta.gain` and `delta.bias` have one value for each of the embedding's columns. A segment's own gain must already be
  /// in its B.
  package func embed(_ table: WeightMatrix, token: Int, delta: LowRankDelta?, into target: Matrix, row: Int) {
    let line = target.row(row)
    if let own = delta?.rows, let index = own.index(of: token) {
      line.update(from: own.values.row(index), count: target.columns)
    } else {
      let replacement = delta?.replacement.flatMap { token < $0.rows ? $0 : nil }
      (replacement ?? table).dequantizeRow(token, into: line)
    }
    guard let delta else { return }
    if let gain = delta.gain {
      for column in 0..<target.columns { line[column] *= gain.pointer[column] }
    }
    if let bias = delta.bias { compute.table.addScaled(bias.pointer, 1, target.columns, line) }
    let part = scratch.tile(0)
    for segment in delta.segments {
      // An embedding's `a` is stored with one row of `rank` values a token, so `rank` is its columns.
      let rank = segment.a.columns
      precondition(token >= 0 && segment.gain == nil)
      // A token that another adapter of the set has added.
      if token >= segment.a.rows { continue }
      let a = WeightTile(segment.a, first: token, rows: 1),
        b = WeightTile(segment.b)
      for first in stride(from: 0, to: rank, by: WorkerScratch.tileFloats) {
        let count = min(WorkerScratch.tileFloats, rank - first)
        let some = a.dropping(columns: first, keeping: count)
        BlockFormats.dequantizeKnown(some.type, some.base, count: count, into: part)
        for k in 0..<count { part[k] *= segment.scale }
        compute.table.addMultiply(
          b.dropping(columns: first, keeping: count), part, count, 1, line, target.columns, scratch.base(0))
      }
    }
  }

  // MARK: Attention

  /// The sequences of a batch: tokens, consecutive in the batch, of one sequence each.
  package func setSequences(
    _ count: Int, heads: Int, first: (Int) -> Int, tokens: (Int) -> Int, store: (Int) -> KVStore
  ) {
    attention.setSpans(count, heads: heads) { i in
      AttentionTask.Span(first: first(i), count: tokens(i), store: store(i))
    }
  }

  /// Token `row` sees positions `first ..< limit` of its sequence.
  package func setVisible(row: Int, first: Int, limit: Int) {
    precondition(row >= 0 && row < tokens)
    firsts[row] = Int32(truncatingIfNeeded: first)
    limits[row] = Int32(truncatingIfNeeded: limit)
  }

  private var firsts: UnsafeMutablePointer<Int32> { visible.base.assumingMemoryBound(to: Int32.self) }
  private var limits: UnsafeMutablePointer<Int32> { firsts + tokens }

  /// Writes one row of keys and values to its sequence's store.
  package func append(
    _ keys: Matrix, _ values: Matrix, row: Int, to store: KVStore, layer: Int, position: Int
  ) {
    store.write(
      layer: layer, position: position, keys: keys.row(row), values: values.row(row), table: compute.table)
  }

  /// `output = softmax(q·kᵀ × scale)·v` for every query head; grouped queries share a key/value head.
  package func attend(
    _ queries: Matrix, into output: Matrix, layer: Int, heads: Int, kvHeads: Int, headSize: Int, scale: Float,
    softcap: Float = 0
  ) {
    precondition(
      heads % kvHeads == 0 && queries.columns == heads * headSize && output.columns == queries.columns)
    let call = AttentionCall(
      queries: queries.pointer, output: output.pointer, stride: queries.columns, tokens: 0,
      heads: heads / kvHeads,
      headSize: headSize, keys: UnsafeRawPointer(queries.pointer), values: UnsafeRawPointer(queries.pointer),
      areHalves: true, firsts: firsts, limits: limits, begin: 0, end: 0, scale: scale, softcap: softcap,
      partials: nil)
    attention.prepare(call, layer: layer, kvHeads: kvHeads)
    compute.pool.run(attention, items: attention.itemCount, leading: attention.itemCount)
  }
}
