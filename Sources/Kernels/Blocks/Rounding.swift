/// What the simple quantizers share: the range of a block and the nearest code of a weight.
///
/// Operations and their order are ggml's, so that the same weights give the same bytes.
enum Rounding {
  /// The first weight whose magnitude no other exceeds, with its sign; 0 if there are only zeros and NaNs.
  static func largestMagnitude(_ weights: UnsafePointer<Float>, _ count: Int) -> Float {
    var largest: Float = 0
    for i in 0..<count where weights[i].magnitude > largest.magnitude { largest = weights[i] }
    return largest
  }

  /// The smallest and the largest weight.
  static func range(_ weights: UnsafePointer<Float>, _ count: Int) -> (low: Float, high: Float) {
    var low = weights[0], high = weights[0]
    for i in 1..<count {
      if weights[i] < low { low = weights[i] }
      if weights[i] > high { high = weights[i] }
    }
    return (low, high)
  }

  /// `1 / step`, and 0 for 0: a block of equal weights has only the code 0.
  static func inverse(_ step: Float) -> Float { step == 0 ? 0 : 1 / step }

  /// `value` cut to an integer in `0 ... top`; the caller has added ½. A NaN gives 0, so that no input traps.
  static func code(_ value: Float, top: Float) -> UInt8 { value >= 0 ? UInt8(min(value, top)) : 0 }
}
