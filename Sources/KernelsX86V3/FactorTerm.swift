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

  /// Begins to fetch what `count` tokens from `token` on read.
  @inlinable @inline(__always) public func prefetch(token: Int, count: Int) {
    let values = UnsafeRawPointer(h + token * hStride)
    for t in 0..<count { mullama_prefetch(values + 2 * t * hStride) }
    mullama_prefetch(hScales + token * (hStride / 32))
    for offset in stride(from: 0, to: FactorPanel.codeBytes(rank: rank), by: 64) {
      mullama_prefetch(codes + offset)
    }
    mullama_prefetch(scales)
  }

  /// The term of some tokens: integer products over 32 columns, then one float step for both scales. Bound: 32 × 127 × 2¹⁵ < 2³¹.
  @inline(__always) func sums<let Tokens: Int>(token: Int) -> TileSums<Tokens> {
    var sums = TileSums<Tokens>()
    let pairs = (rank + 1) / 2
    let values = UnsafeRawPointer(h + token * hStride)
    for block in 0..<(rank + 31) / 32 {
      var lanes = TileLanes<Tokens>()
      @inline(__always) func step(_ pair: Int) {
        let w0 = _mm256_cvtepi8_epi16(load128(codes, 32 * pair))
        let w1 = _mm256_cvtepi8_epi16(load128(codes, 32 * pair + 16))
        for t in 0..<Tokens {
          let x = broadcast32(values + 2 * t * hStride + 4 * pair)
          lanes.low[t] = _mm256_add_epi32(lanes.low[t], _mm256_madd_epi16(w0, x))
          lanes.high[t] = _mm256_add_epi32(lanes.high[t], _mm256_madd_epi16(w1, x))
        }
      }
      if pairs == 8 {
        // The rank that most adapters have, unrolled.
        for pair in 0..<8 { step(pair) }
      } else {
        for pair in 16 * block..<min(pairs, 16 * block + 16) { step(pair) }
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

/// `y[token × stride + row] += term` for `rows` rows: those of the term's panel and of the panels behind it, with as many values
/// of its gain.
public func addFactor(
  _ term: FactorTerm, rows: Int, tokens: Int, to y: UnsafeMutablePointer<Float>, stride: Int
) {
  var row = 0
  if tokens == 1, term.rank == 16 {
    row = rows & ~15
    addSixteen(term, panels: rows / 16, to: y)
  }
  withUnsafeTemporaryAllocation(of: Float.self, capacity: 16) { memory in
    while row < rows {
      let count = min(16, rows - row)
      var gain = term.gain.map { $0 + row }
      if let some = gain, count < 16, let last = memory.baseAddress {
        last.initialize(repeating: 0, count: 16)
        last.update(from: some, count: count)
        gain = UnsafePointer(last)
      }
      addTerm(
        term.panel(row / 16, gain: gain), rows: count, tokens: tokens, to: y + row, stride: stride)
      row += 16
    }
  }
}

extension FactorTerm {
  /// The term of 16 rows further on.
  @inline(__always) func panel(_ index: Int, gain: UnsafePointer<Float>?) -> FactorTerm {
    FactorTerm(
      codes: codes + index * FactorPanel.codeBytes(rank: rank),
      scales: scales + index * FactorPanel.scaleCount(rank: rank), rank: rank, h: h, hScales: hScales,
      hStride: hStride, gain: gain)
  }
}

/// One token, the rank that most adapters have: `h` stays in registers.
private func addSixteen(_ term: FactorTerm, panels: Int, to y: UnsafeMutablePointer<Float>) {
  let x = InlineArray<8, I256> { broadcast32(term.h + 2 * $0) }
  let hScale = splat(term.hScales[0])
  for panel in 0..<panels {
    let codes = UnsafeRawPointer(term.codes + 256 * panel), row = 16 * panel
    @inline(__always) func half(_ offset: Int) {
      @inline(__always) func product(_ pair: Int) -> I256 {
        _mm256_madd_epi16(_mm256_cvtepi8_epi16(load128(codes, 32 * pair + 2 * offset)), x[pair])
      }
      let low = _mm256_add_epi32(
        _mm256_add_epi32(product(0), product(1)), _mm256_add_epi32(product(2), product(3)))
      let high = _mm256_add_epi32(
        _mm256_add_epi32(product(4), product(5)), _mm256_add_epi32(product(6), product(7)))
      var sum = fma(
        toFloat(_mm256_add_epi32(low, high)), loadFloats(term.scales, row + offset) * hScale, splat(0))
      if let gain = term.gain { sum = sum * loadFloats(gain, row + offset) }
      store(loadFloats(y, row + offset) + sum, y, row + offset)
    }
    half(0)
    half(8)
  }
}

/// For up to 16 rows.
@inline(__always)
private func addTerm(
  _ term: FactorTerm, rows: Int, tokens: Int, to y: UnsafeMutablePointer<Float>, stride: Int
) {
  @inline(__always) func tile<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type, _ t: Int) {
    let sums: TileSums<Tokens> = term.sums(token: t)
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
