import _Builtin_intrinsics.intel

// The micro-kernels of prefill: one panel of 16 rows times a few tokens, all sums in registers.
//
// `Tokens` is a compile-time constant, so the loops over it unroll and the InlineArrays become registers:
// three tokens need 6 float sums, 6 integer sums, 2 weights, 1 activation = 15 of AVX2's 16 registers.

/// Activations of a batch as `quantize8` and `quantize16` write them, one row of each array a token.
struct ActivationRows<Code> {
  let codes: UnsafePointer<Code>
  let codeStride: Int
  let scales: UnsafePointer<Float>
  let sums: UnsafePointer<Float>
  /// One for each scale; 8-bit activations only.
  let centers: UnsafePointer<Float>
  let groupStride: Int
  let sumStride: Int
}

@inline(__always) private func broadcast32(_ p: UnsafeRawPointer) -> I256 {
  _mm256_set1_epi32(p.loadUnaligned(as: Int32.self))
}

/// How many products of `maximumCode` × 127, taken in pairs, 16 bits can sum: 8 for 4-bit codes
/// (15 × 127 × 2 × 8 < 2¹⁵), 4 for 5-bit, 2 for 6-bit ones.
@inline(__always) private func pairsIn16Bits(_ maximumCode: Int) -> Int {
  let fits = 32767 / (2 * 127 * maximumCode)
  return fits >= 8 ? 8 : fits >= 4 ? 4 : 2
}

/// `y[token][row] (+)= Σ w × x` over `count` sub-blocks of an 8-bit panel of `F`.
@inline(__always)
func multiply8<F: CodeFormat, let Tokens: Int>(
  _ format: F.Type, _ panel: PanelView, _ count: Int, _ x: ActivationRows<Int8>,
  _ sums: inout TileSums<Tokens>
) {
  let groups = F.groupsOf16 ? 2 : 1
  let run = min(pairsIn16Bits(F.maximumCode), 8 / groups)
  let ones = splat16(1)
  for sub in 0..<count {
    let codes = UnsafeRawPointer(panel.codes) + sub * 512
    for group in 0..<groups {
      let scaleAt = panel.scales + (sub * groups + group) * 16
      let scale0 = loadFloats(scaleAt), scale1 = loadFloats(scaleAt, 8)
      var lanes0 = InlineArray<Tokens, I256>(repeating: _mm256_setzero_si256())
      var lanes1 = InlineArray<Tokens, I256>(repeating: _mm256_setzero_si256())
      var k = group * (8 / groups)
      while k < (group + 1) * (8 / groups) {
        var part0 = InlineArray<Tokens, I256>(repeating: _mm256_setzero_si256())
        var part1 = InlineArray<Tokens, I256>(repeating: _mm256_setzero_si256())
        for i in 0..<run {
          let w0 = load256(codes, (k + i) * 64), w1 = load256(codes, (k + i) * 64 + 32)
          for t in 0..<Tokens {
            let xb = broadcast32(x.codes + t * x.codeStride + sub * 32 + (k + i) * 4)
            part0[t] = _mm256_add_epi16(part0[t], _mm256_maddubs_epi16(w0, xb))
            part1[t] = _mm256_add_epi16(part1[t], _mm256_maddubs_epi16(w1, xb))
          }
        }
        for t in 0..<Tokens {
          lanes0[t] = _mm256_add_epi32(lanes0[t], _mm256_madd_epi16(part0[t], ones))
          lanes1[t] = _mm256_add_epi32(lanes1[t], _mm256_madd_epi16(part1[t], ones))
        }
        k += run
      }
      for t in 0..<Tokens {
        let xScale = splat(x.scales[t * x.groupStride + sub])
        sums.low[t] = fma(toFloat(lanes0[t]), scale0 * xScale, sums.low[t])
        sums.high[t] = fma(toFloat(lanes1[t]), scale1 * xScale, sums.high[t])
      }
    }
  }
}

/// The same over a 16-bit panel: signed codes that use all eight bits leave no room in 16-bit sums.
@inline(__always)
func multiply16<F: CodeFormat, let Tokens: Int>(
  _ format: F.Type, _ panel: PanelView, _ count: Int, _ x: ActivationRows<Int16>,
  _ sums: inout TileSums<Tokens>
) {
  for sub in 0..<count {
    let codes = UnsafeRawPointer(panel.codes) + sub * 1024
    var lanes0 = InlineArray<Tokens, I256>(repeating: _mm256_setzero_si256())
    var lanes1 = InlineArray<Tokens, I256>(repeating: _mm256_setzero_si256())
    for k in 0..<16 {
      let w0 = load256(codes, k * 64), w1 = load256(codes, k * 64 + 32)
      for t in 0..<Tokens {
        let xb = broadcast32(x.codes + t * x.codeStride + sub * 32 + k * 2)
        lanes0[t] = _mm256_add_epi32(lanes0[t], _mm256_madd_epi16(w0, xb))
        lanes1[t] = _mm256_add_epi32(lanes1[t], _mm256_madd_epi16(w1, xb))
      }
    }
    let scale0 = loadFloats(panel.scales, sub * 16), scale1 = loadFloats(panel.scales, sub * 16 + 8)
    for t in 0..<Tokens {
      let xScale = splat(x.scales[t * x.groupStride + sub])
      sums.low[t] = fma(toFloat(lanes0[t]), scale0 * xScale, sums.low[t])
      sums.high[t] = fma(toFloat(lanes1[t]), scale1 * xScale, sums.high[t])
    }
  }
}

/// Adds Σ offset[group][row] × sum of x over that group.
@inline(__always)
func addOffsets<Code, let Tokens: Int>(
  _ panel: PanelView, groups: Int, _ x: ActivationRows<Code>, _ sums: inout TileSums<Tokens>
) {
  for group in 0..<groups {
    let low = loadFloats(panel.offsets, group * 16), high = loadFloats(panel.offsets, group * 16 + 8)
    for t in 0..<Tokens {
      let sum = splat(x.sums[t * x.sumStride + group])
      sums.low[t] = fma(low, sum, sums.low[t])
      sums.high[t] = fma(high, sum, sums.high[t])
    }
  }
}

/// Adds Σ total[subBlock][row] × center of x over that sub-block.
@inline(__always)
func addCenters<Code, let Tokens: Int>(
  _ panel: PanelView, _ count: Int, _ x: ActivationRows<Code>, _ sums: inout TileSums<Tokens>
) {
  for sub in 0..<count {
    let low = loadFloats(panel.totals, sub * 16), high = loadFloats(panel.totals, sub * 16 + 8)
    for t in 0..<Tokens {
      let center = splat(x.centers[t * x.groupStride + sub])
      sums.low[t] = fma(low, center, sums.low[t])
      sums.high[t] = fma(high, center, sums.high[t])
    }
  }
}

/// `sums += panel × x` over `count` columns of a float panel `[column][16 rows]`.
@inline(__always)
func multiplyFloats<let Tokens: Int>(
  _ panel: UnsafePointer<Float>, _ count: Int, _ x: UnsafePointer<Float>, stride: Int,
  _ sums: inout TileSums<Tokens>
) {
  for k in 0..<count {
    let w0 = loadFloats(panel, k * 16), w1 = loadFloats(panel, k * 16 + 8)
    for t in 0..<Tokens {
      let xb = splat(x[t * stride + k])
      sums.low[t] = fma(w0, xb, sums.low[t])
      sums.high[t] = fma(w1, xb, sums.high[t])
    }
  }
}

/// The sums of 16 rows × `Tokens` tokens: rows 0–7 in `low`, 8–15 in `high`.
struct TileSums<let Tokens: Int> {
  var low = InlineArray<Tokens, F256>(repeating: splat(0))
  var high = InlineArray<Tokens, F256>(repeating: splat(0))

  /// Writes, or adds to, `rows` of the 16 rows at `y[token × stride + row]`.
  @inline(__always)
  func write(_ y: UnsafeMutablePointer<Float>, stride: Int, rows: Int, adding: Bool) {
    for t in 0..<Tokens {
      let target = y + t * stride
      if rows == 16 {
        store(adding ? loadFloats(target) + low[t] : low[t], target)
        store(adding ? loadFloats(target, 8) + high[t] : high[t], target, 8)
      } else {
        for row in 0..<rows {
          let sum = row < 8 ? low[t][row] : high[t][row - 8]
          target[row] = adding ? target[row] + sum : sum
        }
      }
    }
  }
}
