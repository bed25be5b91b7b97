import CProcessor

extension RowStreams {
  /// Rows whose streams are fetched together.
  @inlinable static var group: Int { 8 }
  /// By how many rows streams are ahead: what the last rows read should be there when these are done.
  @inlinable static var lead: Int { 32 }

  /// Row `row` of `rows` is multiplied next, one of those that follow each other: begins to fetch what belongs to rows behind it, a
  /// few lines beside each few rows of weights. All at once they would hold up the weights, as the processor has only so many
  /// lines on their way.
  @inlinable @inline(__always) public func fetch(beside row: Int, of rows: Int) {
    if count > 0, row % Self.group == 0 { fetch(beside: row, Self.group, of: rows) }
  }

  /// As above for `count` rows that are multiplied together.
  @inlinable @inline(__always) public func fetch(beside row: Int, _ count: Int, of rows: Int) {
    let start = row == 0 ? 0 : min(row + Self.lead, rows), end = min(row + count + Self.lead, rows)
    for index in 0..<self.count { fetch(index, start, end) }
  }

  /// Not inlined: kernels need their registers.
  @usableFromInline @inline(never) func fetch(_ index: Int, _ start: Int, _ end: Int) {
    guard let stream = first?[index] else { return }
    var line = stream.base + (row + start) * stream.bytesPerSixteenRows / 16 & ~63
    let end = stream.base + (row + end) * stream.bytesPerSixteenRows / 16
    while line < end {
      mullama_prefetch_far(line)
      line += 64
    }
  }
}
