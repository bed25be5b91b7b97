import CProcessor
import _Builtin_intrinsics.intel

/// A low-rank term of a tile: `b · h[token]` for 16 rows of a packed factor.
public struct FactorTerm {
  /// The panel of the 16 rows, as `packFactorPanel` writes it.
  public let codes: UnsafePointer<Int8>
  public let scales: UnsafePointer<Float>
  public let rank: Int
  /// As `quantizeHidden` writes it.
  public let h: UnsafePointer<Int16>
  public let hScales: UnsafePointer<Float>
  public let hStride: Int
  /// A factor for each of the 16 rows; nil: all 1.
  public let gain: UnsafePointer<Float>?

  public init(
    codes: UnsafePointer<Int8>, scales: UnsafePointer<Float>, rank: Int, h: UnsafePointer<Int16>,
    hScales: UnsafePointer<Float>, hStride: Int, gain: UnsafePointer<Float>?
  ) {
    self.codes = codes
    self.scales = scales
    self.rank = rank
    self.h = h
    self.hScales = hScales
    self.hStride = hStride
    self.gain = gain
  }

  /// Begins to fetch what the next tile of as many tokens reads, which is far away by then. There may be none.
  @inline(__always) func prefetch(tokens: Int, behind token: Int) {
    let next = UnsafeRawPointer(h) + 2 * (token + tokens) * hStride
    for t in 0..<tokens { mullama_prefetch(next + 2 * t * hStride) }
    mullama_prefetch(UnsafeRawPointer(hScales) + 4 * (token + tokens) * (hStride / 32))
  }

  /// The term of some tokens: integer products over 32 columns, then one float step for both scales. Bound: 32 × 127 × 2¹⁵ < 2³¹.
  @inline(__always) func sums<let Tokens: Int>(token: Int) -> TileSums<Tokens> {
    var sums = TileSums<Tokens>()
    let pairs = (rank + 1) / 2
    let values = UnsafeRawPointer(h + token * hStride)
    for block in 0..<(rank + 31) / 32 {
      var lanes = TileLanes<Tokens>()
      for pair in 16 * block..<min(pairs, 16 * block + 16) {
        let w0 = _mm256_cvtepi8_epi16(load128(codes, 32 * pair))
        let w1 = _mm256_cvtepi8_epi16(load128(codes, 32 * pair + 16))
        for t in 0..<Tokens {
          let x = broadcast32(values + 2 * t * hStride + 4 * pair)
          lanes.low[t] = _mm256_add_epi32(lanes.low[t], _mm256_madd_epi16(w0, x))
          lanes.high[t] = _mm256_add_epi32(lanes.high[t], _mm256_madd_epi16(w1, x))
        }
      }
      let scale0 = loadFloats(scales, 16 * block), scale1 = loadFloats(scales, 16 * block + 8)
      for t in 0..<Tokens {
        let scale = splat(hScales[(token + t) * (hStride / 32) + block])
        sums.low[t] = fma(toFloat(lanes.low[t]), scale0 * scale, sums.low[t])
        sums.high[t] = fma(toFloat(lanes.high[t]), scale1 * scale, sums.high[t])
      }
    }
    if let gain { sums.multiply(gain) }
    return sums
  }
}

/// `y[token × stride + row] += term` for up to 16 rows.
public func addFactorTerm(
  _ term: FactorTerm, rows: Int, tokens: Int, to y: UnsafeMutablePointer<Float>, stride: Int
) {
  addTerm(term, rows: rows, token: 0, tokens: tokens, to: y, stride: stride)
}

/// The same for the tokens from `token` on, of which `y` has the first.
@inline(__always)
func addTerm(
  _ term: FactorTerm, rows: Int, token: Int, tokens: Int, to y: UnsafeMutablePointer<Float>, stride: Int
) {
  @inline(__always) func tile<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type, _ t: Int) {
    let sums: TileSums<Tokens> = term.sums(token: token + t)
    sums.write(y + t * stride, stride: stride, rows: rows, adding: true)
  }
  var t = 0
  while t + 4 <= tokens {
    tile(InlineArray<4, Bool>.self, t)
    t += 4
  }
  while t < tokens {
    tile(InlineArray<1, Bool>.self, t)
    t += 1
  }
}
