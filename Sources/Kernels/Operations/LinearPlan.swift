import CProcessor
import GGUF

/// What the items of a linear region read: numbers and addresses only. Whoever made the plan holds what they point
/// into until the region has ended.
final class LinearPlan {
  /// One base matrix.
  struct Slot {
    let weight: WeightTile
    let bias: UnsafeMutablePointer<Float>?
    let output: UnsafeMutablePointer<Float>
    let stride: Int
    /// The rows of the input that it multiplies.
    let firstToken: Int
    let tokens: Int
    let tileRows: Int
    /// The numbers of this slot's tiles.
    let tiles: Range<Int>
    /// Its deltas, in the order of the batch's rows.
    let deltas: Range<Int>
    /// What its deltas read with the results of its rows, where these are few tokens' each.
    let streams: Range<Int>
    /// The first row of the base matrix that any of the tokens uses; behind the last one if its rows are all replaced.
    let firstBaseRow: Int
  }

  /// What one run of rows adds at a slot.
  struct Delta {
    let firstToken: Int
    let tokens: Int
    let values: PlainDelta
    let parts: Range<Int>
  }

  /// One adapter's pair of a delta.
  struct Part {
    let pair: PlainPair
    /// Where its `A·x` lies in `hidden`; of packed pairs a multiple of 32.
    let column: Int
    /// Of the matrix beside which it stands.
    let weightType: TensorType
  }

  /// `A·x` of one part for some tokens.
  struct Projection {
    let part: Int
    let firstToken: Int
    let tokens: Int
  }

  /// Tokens of one projection: enough that unpacking its rows counts little, so few that what it reads is in cache.
  private static let projectionTokens = 32...96
  /// Weight bytes of a tile when few tokens read it: small enough that threads end together.
  private static let tileBytes = 64 << 10
  /// Tiles that a thread claims at a time, while there are enough: so many that it has a stream to read, and what a claim
  /// costs counts little.
  private static let fewTokensTogether = 16

  let slots = PlainList<Slot>(capacity: 3)
  let deltas = PlainList<Delta>(capacity: 64)
  let parts = PlainList<Part>(capacity: 64)
  let projections = PlainList<Projection>(capacity: 64)
  private let streams = PlainList<RowStream>(capacity: 64)
  /// The quantized forms that the region reads.
  private(set) var forms: ActivationForms = []
  /// Columns of `hidden`: the ranks of the largest deltas of all slots that multiply the same rows.
  private(set) var hiddenColumns = 0
  /// The first column of `hidden` that the next slot may use.
  private var nextColumn = 0
  private(set) var tileCount = 0
  /// Is a run longer than a projection?
  private var isCut = false
  /// Do few tokens read each slot?
  private var isFew = true

  func removeAll() {
    slots.removeAll()
    deltas.removeAll()
    parts.removeAll()
    projections.removeAll()
    streams.removeAll()
    forms = []
    hiddenColumns = 0
    nextColumn = 0
    tileCount = 0
    isCut = false
    isFew = true
  }

  /// The plan is complete: projections of the same tokens follow each other, so that these are read while they are in cache.
  func finish() {
    if isCut { projections.sort { $0.firstToken < $1.firstToken } }
  }

  /// Tiles that may be claimed together.
  var tilesTogether: Int { isFew ? Self.fewTokensTogether : 1 }

  /// Adds a matrix that some rows of the input read, with the deltas of their runs.
  func add(
    _ operand: LinearOperand, into output: Matrix, column: Int, rows tokenRange: Range<Int>,
    runs: ArraySlice<DeltaRun>,
    threads: Int, width: BatchWidth, _ table: KernelTable
  ) {
    let tokens = tokenRange.count
    // Slots of other rows may use the same columns.
    if slots.count > 0, slots[slots.count - 1].firstToken != tokenRange.lowerBound { nextColumn = 0 }
    let weight = WeightTile(operand.weight)
    let firstDelta = deltas.count, firstStream = streams.count
    var lastColumn = nextColumn
    var baseTokens = tokens
    var firstBaseRow = weight.rows
    for run in runs where run.count > 0 {
      guard let plain = run.deltas?.plain, let delta = plain.sites[operand.site] else { continue }
      if let replacement = delta.replacement {
        baseTokens -= run.count
        firstBaseRow = min(firstBaseRow, replacement.rows)
      }
      lastColumn = max(lastColumn, add(delta, plain.pairs, run, weight.type, threads: threads, width, table))
    }
    nextColumn = lastColumn
    hiddenColumns = max(hiddenColumns, nextColumn)
    if baseTokens > 0 { firstBaseRow = 0 }
    if firstBaseRow < weight.rows { forms.formUnion(table.forms(weight.type, width)) }
    let rows = Self.tileRows(weight, tokens: tokens, threads: threads, table)
    let tiles = (weight.rows + rows - 1) / rows
    if tokens > BatchWidth.fewRows {
      isFew = false
    } else {
      for index in firstDelta..<deltas.count { addStreams(of: deltas[index]) }
    }
    slots.append(
      Slot(
        weight: weight, bias: operand.bias?.pointer, output: output.pointer + column, stride: output.columns,
        firstToken: tokenRange.lowerBound, tokens: tokens, tileRows: rows,
        tiles: tileCount..<tileCount + tiles, deltas: firstDelta..<deltas.count,
        streams: firstStream..<streams.count, firstBaseRow: firstBaseRow))
    tileCount += tiles
  }

  /// Returns the column behind those of its parts.
  private func add(
    _ delta: PlainDelta, _ pairs: PlainList<PlainPair>, _ run: DeltaRun, _ weightType: TensorType,
    threads: Int, _ width: BatchWidth, _ table: KernelTable
  ) -> Int {
    if let replacement = delta.replacement { forms.formUnion(table.forms(replacement.type, width)) }
    let tokens = Self.projectionTokens(of: run.count, threads: threads)
    if run.count > tokens { isCut = true }
    let firstPart = parts.count
    var column = nextColumn
    for index in delta.pairs {
      let pair = pairs[index]
      for first in stride(from: run.first, to: run.first + run.count, by: tokens) {
        let count = min(tokens, run.first + run.count - first)
        projections.append(Projection(part: parts.count, firstToken: first, tokens: count))
      }
      if pair.panels != nil { column = Self.roundedUp(column) }
      forms.formUnion(
        pair.panels == nil
          ? table.projectionForms(pair.a.type, width) : table.factors?.forms(weightType, width) ?? [])
      parts.append(Part(pair: pair, column: column, weightType: weightType))
      column += pair.panels == nil ? pair.rank : Self.roundedUp(pair.rank)
    }
    deltas.append(
      Delta(firstToken: run.first, tokens: run.count, values: delta, parts: firstPart..<parts.count))
    return column
  }

  /// A few kilobytes of each factor, whose lines would be waited for otherwise: few tokens leave nothing else to do meanwhile.
  private func addStreams(of delta: Delta) {
    for index in delta.parts {
      let pair = parts[index].pair
      if let panels = pair.panels {
        streams.append(RowStream(base: panels.base, bytesPerSixteenRows: panels.panelBytes))
      } else {
        streams.append(RowStream(base: pair.b.base, bytesPerSixteenRows: 16 * pair.b.rowBytes))
      }
    }
    if let gain = delta.values.gain { streams.append(RowStream(base: gain, bytesPerSixteenRows: 64)) }
    if let bias = delta.values.bias { streams.append(RowStream(base: bias, bytesPerSixteenRows: 64)) }
  }

  /// What lies beside the rows of a slot from `row` on, until the plan changes.
  func streams(beside slot: Slot, row: Int) -> RowStreams {
    RowStreams(first: streams.address(of: slot.streams.lowerBound), count: slot.streams.count, row: row)
  }

  /// Threads get equally many of a run, which has at least one, but for a multiple of eight: the largest tile of the kernels.
  private static func projectionTokens(of count: Int, threads: Int) -> Int {
    let round = projectionTokens.upperBound * threads
    let pieces = threads * ((count + round - 1) / round)
    let share = (count + pieces - 1) / pieces
    return max(projectionTokens.lowerBound, (share + 7) & ~7)
  }

  /// To whole blocks of what is quantized together.
  static func roundedUp(_ column: Int) -> Int { (column + 31) & ~31 }

  /// The slot that a tile belongs to. Experts make many: O(log slots).
  func slot(ofTile tile: Int) -> Slot {
    var low = 0, high = slots.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if slots[middle].tiles.lowerBound > tile { high = middle - 1 } else { low = middle }
    }
    return slots[low]
  }

  private static func tileRows(_ weight: WeightTile, tokens: Int, threads: Int, _ table: KernelTable) -> Int {
    if tokens > BatchWidth.fewRows { return table.tileRows }
    let bytesLimit = tileBytes / max(1, weight.rowBytes)
    // A thread's share is cut as finely as what it claims.
    let shareLimit = weight.rows / (threads * fewTokensTogether)
    // Tiles that are claimed together become one, which fits a worker's memory.
    let scratchLimit = WorkerScratch.tileFloats / fewTokensTogether
    return max(16, min(bytesLimit, shareLimit, scratchLimit) & ~15)
  }
}
