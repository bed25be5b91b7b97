import CProcessor
import _Builtin_intrinsics.intel

/// A low-rank term of a tile: `b · h[token]` for 16 rows of a packed factor.
public struct FactorTerm {
  /// The panel of the 16 rows, as `packFactorPanel` writes it.
  public let panel: UnsafeRawPointer
  public let rank: Int
  /// As `quantizeHidden` writes it.
  public let h: UnsafePointer<Int16>
  public let hScales: UnsafePointer<Float>
  public let hStride: Int
  /// Between the scales of two tokens.
  public let scaleStride: Int
  /// A factor for each of the 16 rows; nil: all 1.
  public let gain: UnsafePointer<Float>?

  public init(
    panel: UnsafeRawPointer, rank: Int, h: UnsafePointer<Int16>, hScales: UnsafePointer<Float>, hStride: Int,
    gain: UnsafePointer<Float>?
  ) {
    self.panel = panel
    self.rank = rank
    self.h = h
    self.hScales = hScales
    self.hStride = hStride
    scaleStride = hStride / 32
    self.gain = gain
  }

  /// Pairs of columns: `[pair][row][2]`.
  @inlinable @inline(__always) public var codes: UnsafeRawPointer {
    panel + FactorPanel.scaleBytes(rank: rank)
  }

  /// Begins to fetch the panel.
  @inlinable @inline(__always) public func prefetch() {
    var address = panel
    let end = panel + FactorPanel.byteCount(rank: rank)
    while address < end {
      mullama_prefetch(address)
      address += 64
    }
  }

  /// Begins to fetch what `count` tokens from `token` on read.
  @inlinable @inline(__always) public func prefetch(token: Int, count: Int) {
    let values = UnsafeRawPointer(h + token * hStride)
    for t in 0..<count { mullama_prefetch(values + 2 * t * hStride) }
    mullama_prefetch(hScales + token * scaleStride)
  }

  /// Of which each adds its part of the term.
  @inline(__always) var blocks: Int { (rank + 31) / 32 }

  /// Adds the term of `count` tokens from `token` on to 16 sums of each at `sums[i × stride]`.
  @inline(__always)
  func add(to sums: UnsafeMutablePointer<Float>, stride: Int, token: Int, count: Int) {
    add(0..<blocks, to: sums, stride: stride, token: token, count: count)
  }

  /// Adds blocks of the term of `count` tokens from `token` on to 16 sums of each at `sums[i × stride]`.
  @inline(__always)
  func add(
    _ blocks: Range<Int>, to sums: UnsafeMutablePointer<Float>, stride: Int, token: Int, count: Int
  ) {
    for block in blocks {
      add(block, to: sums, stride: stride, token: token, count: count) { low, high, i in
        store(low, sums + i * stride)
        store(high, sums + i * stride, 8)
      }
    }
  }

  /// The sums with the term's part of up to 32 columns, eight rows' and eight rows', go to `write`: integer products, then one
  /// float step with both scales. Bound: 32 × 127 × 2¹⁵ < 2³¹.
  @inline(__always)
  func add(
    _ block: Int, to sums: UnsafePointer<Float>, stride: Int, token: Int, count: Int,
    _ write: (_ low: F256, _ high: F256, _ i: Int) -> Void
  ) {
    var scale0 = loadHalves(panel, 32 * block), scale1 = loadHalves(panel, 32 * block + 16)
    if let gain {
      scale0 = scale0 * loadFloats(gain)
      scale1 = scale1 * loadFloats(gain, 8)
    }
    @inline(__always) func tile<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type, _ i: Int) {
      let lanes: TileLanes<Tokens> = dot(block, token: token + i)
      for t in 0..<Tokens {
        let scale = splat(hScales[(token + i + t) * scaleStride + block])
        let sum = sums + (i + t) * stride
        write(
          fma(toFloat(lanes.low[t]), scale0 * scale, loadFloats(sum)),
          fma(toFloat(lanes.high[t]), scale1 * scale, loadFloats(sum, 8)), i + t)
      }
    }
    var i = 0
    while i + 6 <= count {
      tile(InlineArray<6, Bool>.self, i)
      i += 6
    }
    while i + 2 <= count {
      tile(InlineArray<2, Bool>.self, i)
      i += 2
    }
    if i < count { tile(InlineArray<1, Bool>.self, i) }
  }

  /// Pairs of columns that a block has.
  @inline(__always) private func pairs(_ block: Int) -> Int { min(16, (rank - 32 * block + 1) / 2) }

  /// The integer products of up to 32 columns. Their loop is none of known length: written out, the compiler adds in an order
  /// that needs more registers than there are.
  @inline(__always) private func dot<let Tokens: Int>(_ block: Int, token: Int) -> TileLanes<Tokens> {
    pairDot(
      codes + 512 * block, byteCount: 32 * pairs(block), step: 32,
      UnsafeRawPointer(h + token * hStride + 32 * block), stride: 2 * hStride
    ) { (_mm256_cvtepi8_epi16(load128($0)), _mm256_cvtepi8_epi16(load128($0, 16))) }
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
  while row + 16 <= rows {
    term.panel(row / 16, gain: term.gain.map { $0 + row })
      .add(to: y + row, stride: stride, token: 0, count: tokens)
    row += 16
  }
  if row < rows { addLast(term, row, rows, tokens: tokens, to: y + row, stride: stride) }
}

/// Fewer than 16 rows.
private func addLast(
  _ term: FactorTerm, _ first: Int, _ end: Int, tokens: Int, to y: UnsafeMutablePointer<Float>, stride: Int
) {
  let count = end - first
  withUnsafeTemporaryAllocation(of: Float.self, capacity: 32) { memory in
    memory.initialize(repeating: 0)
    guard let sums = memory.baseAddress else { return }
    let gain = sums + 16
    if let values = term.gain { gain.update(from: values + first, count: count) }
    let panel = term.panel(first / 16, gain: term.gain.map { _ in UnsafePointer(gain) })
    for token in 0..<tokens {
      let line = y + token * stride
      sums.update(from: line, count: count)
      panel.add(to: sums, stride: 16, token: token, count: 1)
      line.update(from: sums, count: count)
    }
  }
}

extension FactorTerm {
  /// The term of 16 rows further on.
  @inline(__always) func panel(_ index: Int, gain: UnsafePointer<Float>?) -> FactorTerm {
    FactorTerm(
      panel: panel + index * FactorPanel.byteCount(rank: rank), rank: rank, h: h, hScales: hScales,
      hStride: hStride, gain: gain)
  }
}

/// One token, the rank that most adapters have: `h` stays in registers.
private func addSixteen(_ term: FactorTerm, panels: Int, to y: UnsafeMutablePointer<Float>) {
  let x = InlineArray<8, I256> { broadcast32(term.h + 2 * $0) }
  let hScale = splat(term.hScales[0])
  for panel in 0..<panels {
    let scales = term.panel + panel * FactorPanel.byteCount(rank: 16), row = 16 * panel
    let codes = scales + FactorPanel.scaleBytes(rank: 16)
    @inline(__always) func half(_ offset: Int) {
      @inline(__always) func product(_ pair: Int) -> I256 {
        _mm256_madd_epi16(_mm256_cvtepi8_epi16(load128(codes, 32 * pair + 2 * offset)), x[pair])
      }
      let low = _mm256_add_epi32(
        _mm256_add_epi32(product(0), product(1)), _mm256_add_epi32(product(2), product(3)))
      let high = _mm256_add_epi32(
        _mm256_add_epi32(product(4), product(5)), _mm256_add_epi32(product(6), product(7)))
      var scale = loadHalves(scales, 2 * offset)
      if let gain = term.gain { scale = scale * loadFloats(gain, row + offset) }
      let sum = fma(toFloat(_mm256_add_epi32(low, high)), scale * hScale, loadFloats(y, row + offset))
      store(sum, y, row + offset)
    }
    half(0)
    half(8)
  }
}
