import CProcessor
import _Builtin_intrinsics.intel

// Decode: a few tokens against rows of packed weights, read once, straight from the mapped file. Sixteen rows share
// every step, a row in each lane: scales and sums need no broadcast and no reduction. A token's result does not depend
// on how many others are computed beside it.

/// Tokens of one pass over the weights.
public var laneTokens: Int { 8 }

/// How far beyond the next sixteen rows weights are fetched, in bytes.
private var reachAhead: Int { 8192 }

/// `w[row] · x[token]` for sixteen rows; `ahead` is where the weights behind them begin.
@inline(__always)
private func sixteenRows<F: LaneFormat, let Tokens: Int>(
  _ format: F.Type, _ rows: SixteenRows, _ x: PlaneActivations, ahead: UnsafeRawPointer
) -> InlineArray<Tokens, F512> {
  var sums = InlineArray<Tokens, F512>(repeating: splat512(0))
  for block in 0..<x.columns / 256 {
    let here = rows.advanced(block * F.bytesPerBlock)
    let coming = ahead + 16 * block * F.bytesPerBlock
    let factors = F.factors(here)
    var products = InlineArray<Tokens, F512>(repeating: splat512(0))
    F.forEachSubBlock(here) { index, units, shift in
      fetch(coming, F.bytesPerBlock, part: index)
      let sub = 8 * block + index
      if F.groupsOf16 {
        let first = F.scale(factors, 2 * index), second = F.scale(factors, 2 * index + 1)
        for t in 0..<Tokens {
          let high = UnsafeRawPointer(x.codes + 64 * (sub * x.rows + t)), low = high + 32
          let negatives = x.negatives + 2 * (sub * x.rows + t)
          let a = dot16(units.lower, high, low, bias(format, negatives[0]))
          let b = dot16(units.upper, high + 16, low + 16, bias(format, negatives[1]))
          products[t] = fma(toFloat(a), first, products[t])
          products[t] = fma(toFloat(b), second, products[t])
        }
      } else {
        let scale = F.scale(factors, index)
        for t in 0..<Tokens {
          let high = UnsafeRawPointer(x.codes + 64 * (sub * x.rows + t)), low = high + 32
          let sum = dot32(units, high, low)
          products[t] = fma(toFloat(shift == 0 ? sum : _mm512_srai_epi32(sum, shift)), scale, products[t])
        }
      }
    }
    for t in 0..<Tokens {
      let scale = splat512(x.scales[block * x.rows + t])
      sums[t] = fma(products[t], F.scaleUnit(factors) * scale, sums[t])
      if F.hasOffset {
        let minima = toFloat(dotMinima(F.minima(factors), x.sums + 24 * (block * x.rows + t)))
        sums[t] = _mm512_fnmadd_ps(minima, F.minimumUnit(factors) * scale, sums[t])
      }
    }
  }
  return sums
}

/// What biased codes add to a group's sum: −bias × Σ x.
@inline(__always) private func bias<F: LaneFormat>(_ format: F.Type, _ negative: Int32) -> I512 {
  _mm512_slli_epi32(_mm512_set1_epi32(negative), UInt32(F.codeBias.trailingZeroBitCount))
}

/// Σ code × byte over 16 columns.
@inline(__always)
private func dotBytes(_ u: (I512, I512, I512, I512), _ p: UnsafeRawPointer, _ start: I512) -> I512 {
  let a = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(start, u.0, broadcast32(p)), u.1, broadcast32(p + 4))
  return _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(a, u.2, broadcast32(p + 8)), u.3, broadcast32(p + 12))
}

/// `start` + Σ code × x over 16 columns. Bound: 63 × 32512 × 16 < 2³¹.
@inline(__always)
private func dot16(
  _ u: (I512, I512, I512, I512), _ high: UnsafeRawPointer, _ low: UnsafeRawPointer, _ start: I512
) -> I512 {
  let h = dotBytes(u, high, _mm512_setzero_si512())
  return _mm512_add_epi32(_mm512_slli_epi32(h, 8), dotBytes(u, low, start))
}

/// Σ code × x over 32 columns. Bound: 240 × 32512 × 32 < 2³¹.
@inline(__always)
private func dot32(_ units: Units, _ high: UnsafeRawPointer, _ low: UnsafeRawPointer) -> I512 {
  let zero = _mm512_setzero_si512()
  let h = dotBytes(units.upper, high + 16, dotBytes(units.lower, high, zero))
  let l = dotBytes(units.upper, low + 16, dotBytes(units.lower, low, zero))
  return _mm512_add_epi32(_mm512_slli_epi32(h, 8), l)
}

/// Σ minimum × Σ x over the eight sub-blocks of a block. Bound: 63 × 32512 × 256 < 2³¹.
@inline(__always)
private func dotMinima(_ minima: (I512, I512), _ sums: UnsafePointer<Int8>) -> I512 {
  @inline(__always) func plane(_ index: Int) -> I512 {
    let p = UnsafeRawPointer(sums + 8 * index)
    return _mm512_dpbusd_epi32(
      _mm512_dpbusd_epi32(_mm512_setzero_si512(), minima.0, broadcast32(p)), minima.1, broadcast32(p + 4))
  }
  let upper = _mm512_add_epi32(_mm512_slli_epi32(plane(0), 8), plane(1))
  return _mm512_add_epi32(_mm512_slli_epi32(upper, 8), plane(2))
}

/// Begins to fetch an eighth of the bytes of sixteen blocks: never many at once, which would hold up loads, and in the
/// order of addresses, which the processor's own prefetching continues.
@inline(__always) private func fetch(_ p: UnsafeRawPointer, _ bytesPerBlock: Int, part: Int) {
  let step = 2 * bytesPerBlock
  for line in (part * step + 63) / 64..<((part + 1) * step + 63) / 64 { mullama_prefetch_far(p + 64 * line) }
}

/// `rows` rows of packed weights times up to `laneTokens` tokens: `y[token × stride + row] = w[row] · x[token]`.
@inline(__always)
func matVec<F: LaneFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, tokens: Int, _ x: PlaneActivations,
  _ y: UnsafeMutablePointer<Float>, stride: Int, beside: RowStreams
) {
  @inline(__always) func run<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type) {
    let single = rows < 16
    var row = 0
    while row < rows {
      // The last sixteen may include rows that are done: their results are the same. Of fewer than sixteen rows, every
      // lane reads one.
      let first = single ? row : min(row, rows - 16)
      let p = w + first * rowBytes
      beside.fetch(beside: first, single ? 1 : 16, of: rows)
      let sums: InlineArray<Tokens, F512> = sixteenRows(
        format, SixteenRows(base: p, stride: single ? 0 : rowBytes), x, ahead: p + 16 * rowBytes + reachAhead)
      for t in 0..<Tokens {
        if single { y[t * stride + row] = sums[t][0] } else { storeFloats16(sums[t], y + t * stride, first) }
      }
      row += single ? 1 : 16
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
