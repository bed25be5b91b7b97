/// A point of the IQ2 grids: eight coordinates of two bits each, the first lowest.
enum IQ2Point {
  /// Coordinates 0, 1, 2 mean these magnitudes; 3 does not occur.
  static let magnitudes: [Float] = [8, 25, 43, 0]

  /// Eight weights, `±step × magnitude`.
  @inline(__always)
  static func write(_ point: UInt16, _ signs: UInt8, _ step: Float, _ weights: UnsafeMutablePointer<Float>) {
    for i in 0..<8 {
      weights[i] = IQSigns.apply(signs, i, step * magnitudes[Int(point >> UInt16(2 * i) & 3)])
    }
  }
}
