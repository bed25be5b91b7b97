import CProcessor

/// What is done to the sums of a tile's 16 rows before they are written:
/// `y = gain ⊙ (W·x + Σ inner) + Σ outer + bias + baseBias`.
///
/// Each step has the bits of the same step done to the written result.
public struct TileEnding {
  public let inner: UnsafeBufferPointer<FactorTerm>
  public let outer: UnsafeBufferPointer<FactorTerm>
  /// 16 values; nil: all 1.
  public let gain: UnsafePointer<Float>?
  /// 16 values; nil: all 0.
  public let bias: UnsafePointer<Float>?
  public let baseBias: UnsafePointer<Float>?

  /// - Parameters:
  ///   - terms: Of which the first `innerCount` come before the gain.
  public init(
    terms: UnsafeBufferPointer<FactorTerm>, innerCount: Int, gain: UnsafePointer<Float>?,
    bias: UnsafePointer<Float>?, baseBias: UnsafePointer<Float>?
  ) {
    inner = UnsafeBufferPointer(rebasing: terms[..<innerCount])
    outer = UnsafeBufferPointer(rebasing: terms[innerCount...])
    self.gain = gain
    self.bias = bias
    self.baseBias = baseBias
  }

  /// Ends the sums at `made`, 16 for each of `count` tokens from `token` on, and writes them to `y`. With `adding`, what `y` has
  /// belongs to `W·x`. No part of the function that makes the sums: its loop needs all registers.
  @inline(never)
  func end(
    _ made: UnsafeMutablePointer<Float>, token: Int, count: Int, adding: Bool,
    _ y: UnsafeMutablePointer<Float>, stride: Int, rows: Int
  ) {
    // Everything at once, as none of it is near by now.
    for t in 0..<count { mullama_prefetch_write(y + t * stride) }
    for term in inner { term.prefetch(token: token, count: count) }
    for term in outer { term.prefetch(token: token, count: count) }
    @inline(__always) func forEachToken(_ body: (_ sums: inout TileSums<1>, _ t: Int) -> Void) {
      for t in 0..<count {
        var sums = TileSums<1>(made + 16 * t)
        body(&sums, t)
        sums.write(made + 16 * t, stride: 16, rows: 16, adding: false)
      }
    }
    if adding { forEachToken { sums, t in sums.add(y + t * stride, stride: stride, rows: rows) } }
    for term in inner { term.add(to: made, token: token, count: count) }
    if let gain { forEachToken { sums, _ in sums.multiply(gain) } }
    for term in outer { term.add(to: made, token: token, count: count) }
    for t in 0..<count {
      var sums = TileSums<1>(made + 16 * t)
      if let bias { sums.add(vector: bias) }
      if let baseBias { sums.add(vector: baseBias) }
      sums.write(y + t * stride, stride: stride, rows: rows, adding: false)
    }
  }
}

extension FactorTerm {
  /// Adds the terms of `count` tokens to 16 sums of each.
  @inline(__always) func add(to made: UnsafeMutablePointer<Float>, token: Int, count: Int) {
    addTerm(self, rows: 16, token: token, tokens: count, to: made, stride: 16)
  }
}
