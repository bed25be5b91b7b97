import Kernels
import Transformer

// Rows behind the model's output matrix, and what belongs to them.
extension SetBuilder.Place {
  /// Cuts off the rows from `count` on; nil: there are none.
  ///
  /// The rows are whole: each adapter that adds tokens brings a row for every id from the model's last one to its own.
  mutating func split(at count: Int) -> OutputExtension? {
    let height = max(matrix?.rows ?? 0, (rows.keys.max() ?? 0) + 1)
    guard height > count else { return nil }
    let weight: WeightMatrix
    if let matrix, matrix.rows > count {
      weight = matrix.slice(rows: count..<height)
      self.matrix = matrix.slice(rows: 0..<count)
    } else {
      let own = (count..<height).map { rows[$0] ?? [] }
      precondition(own.allSatisfy { $0.count == own[0].count && !$0.isEmpty })
      weight = WeightMatrix(rows: height - count, columns: own[0].count, own.flatMap { $0 })
    }
    rows = rows.filter { $0.key < count }
    // A segment's own gain is the place's where it is the only one, and must stay the same object.
    let (ownGain, addedGain) = (gain?.part(0..<count), gain?.part(count..<height))
    func cut(
      _ segment: LowRankDelta.Segment, _ b: WeightMatrix, _ range: Range<Int>, _ shared: Matrix?,
      packed: PackedPair? = nil
    ) -> LowRankDelta.Segment {
      let isShared = segment.gain != nil && segment.gain === gain
      return LowRankDelta.Segment(
        a: segment.a, b: b, scale: segment.scale, gain: isShared ? shared : segment.gain?.part(range),
        packed: packed)
    }
    let tall = segments.filter { $0.b.rows > count }.map {
      cut($0, $0.b.rows(count..<height), count..<height, addedGain)
    }
    segments = segments.map {
      cut(
        $0, $0.b.rows > count ? $0.b.slice(rows: 0..<count) : $0.b, 0..<count, ownGain, packed: $0.packed)
    }
    gain = ownGain
    let biases = bias?.values(row: 0)
    let addedBias = biases.flatMap {
      $0.count > count ? Array($0[count...]).padded(to: height - count, with: 0) : nil
    }
    bias = biases.map { Matrix(rows: 1, columns: count, Array($0.prefix(count))) }
    let delta = LowRankDelta(
      segments: tall, gain: addedGain,
      bias: addedBias.map { Matrix(rows: 1, columns: $0.count, $0) })
    let changesNothing = tall.isEmpty && addedGain == nil && addedBias == nil
    return OutputExtension(weight, changesNothing ? nil : delta)
  }
}

extension Array<Float> {
  /// At least `count` values.
  func padded(to count: Int, with value: Float) -> [Float] {
    self.count >= count ? self : self + [Float](repeating: value, count: count - self.count)
  }
}

extension Matrix {
  /// Some of the values of a vector, with ones where there are none; nil: nothing but ones.
  fileprivate func part(_ range: Range<Int>) -> Matrix? {
    if range.lowerBound >= columns { return nil }
    let all = values(row: 0).padded(to: range.upperBound, with: 1)
    return Matrix(rows: 1, columns: range.count, Array(all[range]))
  }
}

extension WeightMatrix {
  /// Some rows, with zeros where there are fewer.
  fileprivate func rows(_ range: Range<Int>) -> WeightMatrix {
    if range.upperBound <= rows { return slice(rows: range) }
    let own = slice(rows: range.lowerBound..<rows).dequantized()
    return WeightMatrix(
      rows: range.count, columns: columns,
      own + [Float](repeating: 0, count: range.count * columns - own.count))
  }
}
