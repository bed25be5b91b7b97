/// What is done to the sums of a tile's 16 rows before they are written:
/// `y = gain ⊙ (W·x + Σ inner) + Σ outer + bias + baseBias`.
///
/// Each step has the bits of the same step done to the written result.
public struct TileEnding {
  public let inner: UnsafeBufferPointer<LowRankTerm>
  public let outer: UnsafeBufferPointer<LowRankTerm>
  /// 16 values; nil: all 1.
  public let gain: UnsafePointer<Float>?
  /// 16 values; nil: all 0.
  public let bias: UnsafePointer<Float>?
  public let baseBias: UnsafePointer<Float>?

  /// - Parameters:
  ///   - terms: Of which the first `innerCount` come before the gain.
  public init(
    terms: UnsafeBufferPointer<LowRankTerm>, innerCount: Int, gain: UnsafePointer<Float>?,
    bias: UnsafePointer<Float>?, baseBias: UnsafePointer<Float>?
  ) {
    inner = UnsafeBufferPointer(rebasing: terms[..<innerCount])
    outer = UnsafeBufferPointer(rebasing: terms[innerCount...])
    self.gain = gain
    self.bias = bias
    self.baseBias = baseBias
  }

  /// Ends the sums of the tokens from `token` on.
  @inline(__always) func end<let Tokens: Int>(_ sums: inout TileSums<Tokens>, token: Int) {
    for term in inner { sums.add(term.sums(token: token)) }
    if let gain { sums.multiply(gain) }
    for term in outer { sums.add(term.sums(token: token)) }
    if let bias { sums.add(vector: bias) }
    if let baseBias { sums.add(vector: baseBias) }
  }
}
