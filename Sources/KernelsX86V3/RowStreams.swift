import CProcessor

extension RowStreams {
  /// Begins to fetch what belongs to `count` rows from `first` on: a few lines beside each few rows of weights. All at once they would
  /// hold up the weights, as the processor has only so many lines on their way.
  @inlinable @inline(__always) public func fetch(_ first: Int, _ count: Int) {
    guard let streams = self.first else { return }
    for index in 0..<self.count {
      let stream = streams[index]
      let start = (row + first) * stream.bytesPerSixteenRows / 16
      var line = stream.base + start & ~63
      let end = stream.base + (row + first + count) * stream.bytesPerSixteenRows / 16
      while line < end {
        mullama_prefetch_far(line)
        line += 64
      }
    }
  }
}
