import _Builtin_intrinsics.intel

// Prefill. Panels are those of KernelsX86V3, sixteen rows a register.
//
// `vpdpbusd` sums four products of an unsigned and a signed byte a lane in 32 bits at once: activations are unsigned,
// weights signed, so nothing has to be summed in 16 bits and every format is multiplied the same way.

/// All tokens' activations as `quantize8` of KernelsX86V3 writes them with a bias of 128: `x ≈ minimum + scale × code`,
/// codes `[token][columns]`, the others `[token][columns / 32]`.
public struct BatchActivations {
  let columns: Int
  let codes: UnsafePointer<UInt8>
  let scales: UnsafePointer<Float>
  let sums32: UnsafePointer<Float>
  let sums16: UnsafePointer<Float>
  let minima: UnsafePointer<Float>

  public init(
    columns: Int, codes: UnsafePointer<UInt8>, scales: UnsafePointer<Float>, sums32: UnsafePointer<Float>,
    sums16: UnsafePointer<Float>, minima: UnsafePointer<Float>
  ) {
    self.columns = columns
    self.codes = codes
    self.scales = scales
    self.sums32 = sums32
    self.sums16 = sums16
    self.minima = minima
  }
}

/// Some tokens' activations from one sub-block on.
struct ActivationRows {
  let codes: UnsafePointer<UInt8>
  let codeStride: Int
  let scales: UnsafePointer<Float>
  /// scale × Σ code over each group.
  let sums: UnsafePointer<Float>
  let minima: UnsafePointer<Float>
  let groupStride: Int
  let sumStride: Int

  init(_ x: BatchActivations, token: Int, sub: Int, groups: Int) {
    let subBlocks = x.columns / 32
    codes = x.codes + token * x.columns + sub * 32
    codeStride = x.columns
    scales = x.scales + token * subBlocks + sub
    sums = (groups == 2 ? x.sums16 : x.sums32) + (token * subBlocks + sub) * groups
    minima = x.minima + token * subBlocks + sub
    groupStride = subBlocks
    sumStride = subBlocks * groups
  }
}

/// `sums[token] += panel × x[token]` over `count` sub-blocks of a panel of 16 rows.
@inline(__always)
func multiply<F: CodeFormat, let Tokens: Int>(
  _ format: F.Type, _ panel: PanelView, _ count: Int, _ x: ActivationRows,
  _ sums: inout InlineArray<Tokens, F512>
) {
  let groups = F.groupsOf16 ? 2 : 1
  for sub in 0..<count {
    let codes = UnsafeRawPointer(panel.codes) + sub * 512
    for group in 0..<groups {
      var lanes = InlineArray<Tokens, I512>(repeating: _mm512_setzero_si512())
      for k in group * (8 / groups)..<(group + 1) * (8 / groups) {
        let w = load512(codes, k * 64)
        for t in 0..<Tokens {
          lanes[t] = _mm512_dpbusd_epi32(
            lanes[t], broadcast32(x.codes + t * x.codeStride + sub * 32 + k * 4), w)
        }
      }
      let scale = loadFloats16(panel.scales, (sub * groups + group) * 16)
      for t in 0..<Tokens {
        sums[t] = fma(toFloat(lanes[t]), scale * splat512(x.scales[t * x.groupStride + sub]), sums[t])
      }
      if F.hasOffset {
        let offset = loadFloats16(panel.offsets, (sub * groups + group) * 16)
        for t in 0..<Tokens {
          sums[t] = fma(offset, splat512(x.sums[t * x.sumStride + sub * groups + group]), sums[t])
        }
      }
    }
    let total = loadFloats16(panel.totals, sub * 16)
    for t in 0..<Tokens {
      sums[t] = fma(total, splat512(x.minima[t * x.groupStride + sub]), sums[t])
    }
  }
}

/// A low-rank term of a tile: `b · h[token]`, for the same 16 rows.
public struct LowRankTerm {
  /// `[rank][16 rows]`, as `packLowRank` writes it.
  let panel: UnsafePointer<Float>
  let rank: Int
  /// `[token][hStride]`
  let h: UnsafePointer<Float>
  let hStride: Int

  public init(panel: UnsafePointer<Float>, rank: Int, h: UnsafePointer<Float>, hStride: Int) {
    self.panel = panel
    self.rank = rank
    self.h = h
    self.hStride = hStride
  }

  /// The term of some tokens. One sum after the other: what `addLowRank` of KernelsX86V3 computes, bit for bit.
  @inline(__always) func sums<let Tokens: Int>(token: Int) -> InlineArray<Tokens, F512> {
    var sums = InlineArray<Tokens, F512>(repeating: splat512(0))
    for k in 0..<rank {
      let b = loadFloats16(panel, 16 * k)
      for t in 0..<Tokens { sums[t] = fma(b, splat512(h[(token + t) * hStride + k]), sums[t]) }
    }
    return sums
  }
}

/// `y[token × stride + row] = w[row] · x[token] + Σ terms` for up to 16 rows of packed weights.
@inline(__always)
func matMulTile<F: CodeFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, tokens: Int,
  _ x: BatchActivations, terms: UnsafeBufferPointer<LowRankTerm>, _ y: UnsafeMutablePointer<Float>,
  stride: Int, scratch: UnsafeMutableRawPointer
) {
  let panel = PanelView(scratch)
  let subBlocks = x.columns / 32
  let groups = F.groupsOf16 ? 2 : 1
  let mask = UInt16(truncatingIfNeeded: (1 << rows) - 1)
  var first = 0
  while first < subBlocks {
    let count = min(Panel.subBlocks, subBlocks - first)
    packPanel(
      format, w, rowBytes: rowBytes, rows: rows, first: first, count: count,
      as: .signed8, into: panel)
    @inline(__always) func tile<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type, _ token: Int) {
      var result = InlineArray<Tokens, F512>(repeating: splat512(0))
      multiply(format, panel, count, ActivationRows(x, token: token, sub: first, groups: groups), &result)
      if first > 0 {
        for t in 0..<Tokens { result[t] = result[t] + _mm512_maskz_loadu_ps(mask, y + (token + t) * stride) }
      }
      if first + count == subBlocks {
        for term in terms {
          let sums: InlineArray<Tokens, F512> = term.sums(token: token)
          for t in 0..<Tokens { result[t] = result[t] + sums[t] }
        }
      }
      for t in 0..<Tokens { _mm512_mask_storeu_ps(y + (token + t) * stride, mask, result[t]) }
    }
    var token = 0
    while token + 8 <= tokens {
      tile(InlineArray<8, Bool>.self, token)
      token += 8
    }
    if token + 4 <= tokens {
      tile(InlineArray<4, Bool>.self, token)
      token += 4
    }
    while token < tokens {
      tile(InlineArray<1, Bool>.self, token)
      token += 1
    }
    first += count
  }
}
