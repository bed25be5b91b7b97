// Prefill with float weights, and products of low-rank factors: 16 rows against all tokens of a batch.

/// `y[token × stride + row] = w[row] · x[token]` for up to 16 rows of float weights; `x` is `[token][columns]` float32.
@inline(__always)
func matMulTile<F: FloatFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int, tokens: Int,
  _ x: UnsafePointer<Float>, xStride: Int, _ y: UnsafeMutablePointer<Float>, stride: Int,
  scratch: UnsafeMutableRawPointer
) {
  let panel = scratch.assumingMemoryBound(to: Float.self)
  var first = 0
  while first < columns {
    let count = min(Panel.floatColumns, columns - first)
    packPanel(format, w, rowBytes: rowBytes, rows: rows, first: first, count: count, into: panel)
    multiplyPanel(
      panel, count, x + first, xStride: xStride, tokens: tokens, y, stride: stride, rows: rows,
      adding: first > 0)
    first += count
  }
}

/// `y (+)= panel × x` for every token, six at a time: 12 sums, 2 weights and 1 value in registers.
@inline(__always)
func multiplyPanel(
  _ panel: UnsafePointer<Float>, _ count: Int, _ x: UnsafePointer<Float>, xStride: Int, tokens: Int,
  _ y: UnsafeMutablePointer<Float>, stride: Int, rows: Int, adding: Bool
) {
  @inline(__always) func tile<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type, _ token: Int) {
    var tile = TileSums<Tokens>()
    multiplyFloats(panel, count, x + token * xStride, stride: xStride, &tile)
    tile.write(y + token * stride, stride: stride, rows: rows, adding: adding)
  }
  var token = 0
  while token + 6 <= tokens {
    tile(InlineArray<6, Bool>.self, token)
    token += 6
  }
  while token + 2 <= tokens {
    tile(InlineArray<2, Bool>.self, token)
    token += 2
  }
  if token < tokens { tile(InlineArray<1, Bool>.self, token) }
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
