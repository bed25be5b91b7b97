import CProcessor

/// What is done to the sums of a tile's 16 rows before they are written:
/// `y = gain ⊙ (W·x + Σ inner) + Σ outer + bias + baseBias`.
///
/// Each step has the bits of the same step done to the written result.
public struct TileEnding {
  /// The inner ones, then the outer ones.
  public let terms: UnsafeBufferPointer<FactorTerm>
  public let innerCount: Int
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
    self.terms = terms
    self.innerCount = innerCount
    self.gain = gain
    self.bias = bias
    self.baseBias = baseBias
  }

  /// Begins to fetch what the ending of `count` tokens from `token` on reads and writes: everything at once, as none of it
  /// is near by now.
  @inlinable @inline(__always)
  public func prefetch(token: Int, count: Int, _ y: UnsafeMutablePointer<Float>, stride: Int) {
    for t in 0..<count { mullama_prefetch_write(y + t * stride) }
    for term in terms { term.prefetch(token: token, count: count) }
  }

  /// Ends the sums at `made`, 16 for each of `count` tokens from `token` on, and writes them to `y`. With `adding`, what `y` has
  /// belongs to `W·x`. No part of the function that makes the sums: its loop needs all registers.
  @inline(never)
  func end(
    _ made: UnsafeMutablePointer<Float>, token: Int, count: Int, adding: Bool,
    _ y: UnsafeMutablePointer<Float>, stride: Int, rows: Int
  ) {
    prefetch(token: token, count: count, y, stride: stride)
    if rows == 16 {
      pass(made, token: token, count: count, adding: adding, into: y, stride: stride)
      return
    }
    // Rows that are none are in the sums too.
    if adding {
      for t in 0..<count { for row in 0..<rows { made[16 * t + row] += y[t * stride + row] } }
    }
    pass(made, token: token, count: count, adding: false, into: made, stride: 16)
    for t in 0..<count { (y + t * stride).update(from: made + 16 * t, count: rows) }
  }

  /// 16 rows. Each term is one pass over the sums: the first begins with `adding`, the last writes the result.
  @inline(__always)
  private func pass(
    _ made: UnsafeMutablePointer<Float>, token: Int, count: Int, adding: Bool,
    into y: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let beginsWithGain = gain != nil && innerCount == 0
    if terms.isEmpty || beginsWithGain {
      for t in 0..<count {
        var sums = TileSums<1>(made + 16 * t)
        if adding { sums.add(y + t * stride, stride: stride) }
        if let gain { sums.multiply(gain) }
        if terms.isEmpty {
          addBiases(to: &sums)
          sums.write(y + t * stride, stride: stride, rows: 16, adding: false)
        } else {
          sums.write(made + 16 * t, stride: 16, rows: 16, adding: false)
        }
      }
    }
    for index in terms.indices {
      let term = terms[index], isLast = index + 1 == terms.count
      let adding = adding && index == 0 && !beginsWithGain
      let gain = index + 1 == innerCount ? gain : nil
      @inline(__always) func tile<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type, _ t: Int) {
        var sums: TileSums<Tokens> = term.sums(token: token + t)
        if adding {
          sums.add(made + 16 * t, y + t * stride, stride: stride)
        } else {
          sums.add(made + 16 * t, stride: 16)
        }
        if let gain { sums.multiply(gain) }
        if isLast {
          addBiases(to: &sums)
          sums.write(y + t * stride, stride: stride, rows: 16, adding: false)
        } else {
          sums.write(made + 16 * t, stride: 16, rows: 16, adding: false)
        }
      }
      var t = 0
      while t + 4 <= count {
        tile(InlineArray<4, Bool>.self, t)
        t += 4
      }
      while t < count {
        tile(InlineArray<1, Bool>.self, t)
        t += 1
      }
    }
  }

  @inline(__always) private func addBiases<let Tokens: Int>(to sums: inout TileSums<Tokens>) {
    if let bias { sums.add(vector: bias) }
    if let baseBias { sums.add(vector: baseBias) }
  }
}
