import CProcessor
import _Builtin_intrinsics.intel

// Decode: a few tokens against rows of packed weights, read once, straight from the mapped file. Eight rows share
// every step, a row in each lane: scales and sums need no broadcast and no reduction. A token's result does not depend
// on how many others are computed beside it.

/// Tokens of one pass over the weights.
public var laneTokens: Int { 8 }

/// `y[token × yStride + row] = w[row] · x[token]` for eight rows.
@inline(__always)
private func eightRows<F: LaneFormat, let Tokens: Int>(
  _ format: F.Type, _ rows: EightRows, _ x: PlaneActivations, ahead: UnsafeRawPointer
) -> InlineArray<Tokens, F256> {
  let blocks = x.columns / 256
  let groups = F.groupsOf16 ? 2 : 1
  var sums = InlineArray<Tokens, F256>(repeating: splat(0))
  for block in 0..<blocks {
    let here = rows.advanced(block * F.bytesPerBlock)
    let factors = F.factors(here)
    var products = InlineArray<Tokens, F256>(repeating: splat(0))
    var minima = InlineArray<Tokens, F256>(repeating: splat(0))
    F.forEachSubBlock(here) { index, units in
      let sub = 8 * block + index
      fetch(ahead + sub * F.bytesPerBlock, F.bytesPerBlock)
      @inline(__always) func scaled(_ t: Int, _ lanes: I256, _ scale: F256) {
        let s = scale * splat(x.scales[sub * x.rows + t])
        products[t] = fma(toFloat(lanes), s, products[t])
      }
      let scale = F.scale(factors, groups * index)
      let minimum = F.hasOffset ? F.minimum(factors, index) : splat(0)
      let upper = F.groupsOf16 ? F.scale(factors, 2 * index + 1) : scale
      for t in 0..<Tokens {
        let high = UnsafeRawPointer(x.codes + 64 * (sub * x.rows + t)), low = high + 32
        let negatives = x.negatives + 2 * (sub * x.rows + t)
        if F.groupsOf16 {
          scaled(t, dot16(units.lower, high, low, bias(format, negatives[0])), scale)
          scaled(t, dot16(units.upper, high + 16, low + 16, bias(format, negatives[1])), upper)
        } else {
          scaled(t, dot32(units, high, low), scale)
        }
        if F.hasOffset {
          minima[t] = fma(minimum, splat(x.sums[sub * x.rows + t]), minima[t])
        }
      }
    }
    for t in 0..<Tokens {
      sums[t] = fma(products[t], F.scaleUnit(factors), sums[t])
      if F.hasOffset { sums[t] = sums[t] - minima[t] * F.minimumUnit(factors) }
    }
  }
  return sums
}

/// What biased codes add to a group's sum: −bias × Σ x.
@inline(__always) private func bias<F: LaneFormat>(_ format: F.Type, _ negative: Int32) -> I256 {
  _mm256_set1_epi32(negative &* Int32(F.codeBias))
}

/// Σ code × byte over 16 columns: short chains, because the processor holds few waiting steps.
@inline(__always)
private func dotBytes(_ u: (I256, I256, I256, I256), _ p: UnsafeRawPointer, _ start: I256) -> I256 {
  @inline(__always) func four(_ i: Int) -> I256 {
    _mm256_set1_epi32(p.loadUnaligned(fromByteOffset: 4 * i, as: Int32.self))
  }
  let a = mullama_dot_bytes(mullama_dot_bytes(start, u.0, four(0)), u.1, four(1))
  return mullama_dot_bytes(mullama_dot_bytes(a, u.2, four(2)), u.3, four(3))
}

/// `start` + Σ code × x over 16 columns. Bound: 63 × 32512 × 16 < 2³¹.
@inline(__always)
private func dot16(
  _ u: (I256, I256, I256, I256), _ high: UnsafeRawPointer, _ low: UnsafeRawPointer, _ start: I256
) -> I256 {
  let h = dotBytes(u, high, _mm256_setzero_si256())
  return _mm256_add_epi32(_mm256_slli_epi32(h, 8), dotBytes(u, low, start))
}

/// Σ code × x over 32 columns.
@inline(__always)
private func dot32(_ units: Units, _ high: UnsafeRawPointer, _ low: UnsafeRawPointer) -> I256 {
  let zero = _mm256_setzero_si256()
  let h = _mm256_add_epi32(dotBytes(units.lower, high, zero), dotBytes(units.upper, high + 16, zero))
  let l = _mm256_add_epi32(dotBytes(units.lower, low, zero), dotBytes(units.upper, low + 16, zero))
  return _mm256_add_epi32(_mm256_slli_epi32(h, 8), l)
}

/// Begins to fetch `count` bytes.
@inline(__always) private func fetch(_ p: UnsafeRawPointer, _ count: Int) {
  var offset = 0
  while offset < count {
    mullama_prefetch(p + offset)
    offset += 64
  }
}

/// `rows` rows of packed weights times up to `laneTokens` tokens: `y[token × stride + row] = w[row] · x[token]`.
@inline(__always)
func matVec<F: LaneFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, tokens: Int, _ x: PlaneActivations,
  _ y: UnsafeMutablePointer<Float>, stride: Int
) {
  @inline(__always) func run<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type) {
    var row = 0
    while row < rows {
      if rows < 8 {
        // Every lane reads the same row.
        let p = w + row * rowBytes
        let sums: InlineArray<Tokens, F256> = eightRows(format, EightRows(base: p, stride: 0), x, ahead: p)
        for t in 0..<Tokens { y[t * stride + row] = sums[t][0] }
        row += 1
      } else {
        // The last eight may include rows that are done: their results are the same.
        let first = min(row, rows - 8)
        let p = w + first * rowBytes
        let sums: InlineArray<Tokens, F256> = eightRows(
          format, EightRows(base: p, stride: rowBytes), x, ahead: p + 8 * rowBytes)
        for t in 0..<Tokens { store(sums[t], y + t * stride, first) }
        row += 8
      }
    }
  }
  switch tokens {
  case 1: run(InlineArray<1, Bool>.self)
  case 2: run(InlineArray<2, Bool>.self)
  case 3: run(InlineArray<3, Bool>.self)
  case 4: run(InlineArray<4, Bool>.self)
  case 5: run(InlineArray<5, Bool>.self)
  case 6: run(InlineArray<6, Bool>.self)
  case 7: run(InlineArray<7, Bool>.self)
  default: run(InlineArray<8, Bool>.self)
  }
}
