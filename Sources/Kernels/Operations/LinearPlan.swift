/// What the items of a linear region read: numbers and addresses only. Whoever made the plan holds what they point
/// into until the region has ended.
final class LinearPlan {
  /// One base matrix.
  struct Slot {
    let weight: WeightTile
    let bias: UnsafeMutablePointer<Float>?
    let output: UnsafeMutablePointer<Float>
    let stride: Int
    let tileRows: Int
    /// The number of this slot's first tile.
    let firstTile: Int
    /// Its deltas, in the order of the batch's rows.
    let deltas: Range<Int>
    /// Does any row use the base matrix itself?
    let usesBase: Bool
  }

  /// What one run of rows adds at a slot.
  struct Delta {
    let firstToken: Int
    let tokens: Int
    let replacement: WeightTile?
    let gain: UnsafeMutablePointer<Float>?
    let bias: UnsafeMutablePointer<Float>?
    let parts: Range<Int>
  }

  /// One adapter's pair of a delta.
  struct Part {
    let a: WeightTile
    let b: WeightTile
    let scale: Float
    let gain: UnsafeMutablePointer<Float>?
    /// Where its `A·x` lies in `hidden`, `[token][columns]`.
    let column: Int
  }

  /// `A·x` of one part for some tokens.
  struct Projection {
    let part: Int
    let firstToken: Int
    let tokens: Int
  }

  /// Tokens of one projection.
  private static let projectionTokens = 64
  /// Weight bytes of a tile when few tokens read it.
  private static let tileBytes = 256 << 10

  let slots = PlainList<Slot>(capacity: 3)
  let deltas = PlainList<Delta>(capacity: 64)
  let parts = PlainList<Part>(capacity: 64)
  let projections = PlainList<Projection>(capacity: 64)
  /// The quantized forms that the region reads.
  private(set) var forms: ActivationForms = []
  /// Columns of `hidden`: the ranks of all slots' largest deltas.
  private(set) var hiddenColumns = 0
  private(set) var tileCount = 0

  func removeAll() {
    slots.removeAll()
    deltas.removeAll()
    parts.removeAll()
    projections.removeAll()
    forms = []
    hiddenColumns = 0
    tileCount = 0
  }

  /// Adds a matrix that `tokens` rows read, with the deltas of the runs.
  func add(
    _ operand: LinearOperand, into output: Matrix, tokens: Int, runs: [DeltaRun], threads: Int,
    _ table: KernelTable
  ) {
    let weight = WeightTile(operand.weight, first: 0, rows: operand.weight.rows)
    let firstDelta = deltas.count
    var widest = 0
    var baseRows = tokens
    for run in runs where run.count > 0 {
      guard let delta = run.delta(at: operand.site) else { continue }
      if delta.replacement != nil { baseRows -= run.count }
      add(delta, run, tokens, table)
      widest = max(widest, delta.totalRank)
    }
    hiddenColumns += widest
    if baseRows > 0 { forms.formUnion(table.forms(weight.type, tokens)) }
    let rows = Self.tileRows(weight, tokens: tokens, threads: threads, table)
    slots.append(
      Slot(
        weight: weight, bias: operand.bias?.pointer, output: output.pointer, stride: output.columns,
        tileRows: rows,
        firstTile: tileCount, deltas: firstDelta..<deltas.count, usesBase: baseRows > 0))
    tileCount += (weight.rows + rows - 1) / rows
  }

  private func add(_ delta: LowRankDelta, _ run: DeltaRun, _ tokens: Int, _ table: KernelTable) {
    if let replacement = delta.replacement { forms.formUnion(table.forms(replacement.type, tokens)) }
    let firstPart = parts.count
    var column = hiddenColumns
    for segment in delta.segments {
      forms.formUnion(table.projectionForms(segment.a.type, tokens))
      for first in stride(from: run.first, to: run.first + run.count, by: Self.projectionTokens) {
        let count = min(Self.projectionTokens, run.first + run.count - first)
        projections.append(Projection(part: parts.count, firstToken: first, tokens: count))
      }
      parts.append(
        Part(
          a: WeightTile(segment.a, first: 0, rows: segment.a.rows),
          b: WeightTile(segment.b, first: 0, rows: segment.b.rows), scale: segment.scale,
          gain: segment.gain?.pointer, column: column))
      column += segment.rank
    }
    deltas.append(
      Delta(
        firstToken: run.first, tokens: run.count,
        replacement: delta.replacement.map { WeightTile($0, first: 0, rows: $0.rows) },
        gain: delta.gain?.pointer,
        bias: delta.bias?.pointer, parts: firstPart..<parts.count))
  }

  private static func tileRows(_ weight: WeightTile, tokens: Int, threads: Int, _ table: KernelTable) -> Int {
    if tokens > PlanesView.largestBatch { return table.tileRows }
    // Big enough to stream, small enough that threads finish together.
    let bytesLimit = tileBytes / max(1, weight.rowBytes)
    let shareLimit = weight.rows / (threads * 4)
    return max(16, min(bytesLimit, shareLimit) & ~15)
  }
}
