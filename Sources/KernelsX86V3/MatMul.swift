// Prefill: 16 rows of weights against all tokens of a batch. The panel is unpacked once for each stretch of
// columns and every token passes over it while it is in cache.

/// `y[token × stride + row] = w[row] · x[token]` for up to 16 rows of packed weights.
@inline(__always)
func matMulTile<F: CodeFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int, tokens: Int,
  q8: UnsafePointer<Int8>, q16: UnsafePointer<Int16>, scales: UnsafePointer<Float>,
  sums32: UnsafePointer<Float>,
  sums16: UnsafePointer<Float>, centers: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, stride: Int,
  scratch: UnsafeMutableRawPointer
) {
  let panel = PanelView(scratch)
  let subBlocks = columns / 32
  let groups = F.groupsOf16 ? 2 : 1
  let sums = F.groupsOf16 ? sums16 : sums32
  let kind = F.signedCodes ? PanelCodes.signed16 : .unsigned8
  var first = 0
  while first < subBlocks {
    let count = min(Panel.subBlocks, subBlocks - first)
    packPanel(format, w, rowBytes: rowBytes, rows: rows, first: first, count: count, as: kind, into: panel)
    @inline(__always) func tile<let Tokens: Int>(_ size: InlineArray<Tokens, Bool>.Type, _ token: Int) {
      var tile = TileSums<Tokens>()
      if F.signedCodes {
        let x = ActivationRows<Int16>(
          codes: q16 + token * columns + first * 32, codeStride: columns,
          scales: scales + token * subBlocks + first,
          sums: sums + token * subBlocks * groups + first * groups,
          centers: centers + token * subBlocks + first,
          groupStride: subBlocks, sumStride: subBlocks * groups)
        multiply16(format, panel, count, x, &tile)
        if F.needsOffsets(kind) { addOffsets(panel, groups: count * groups, x, &tile) }
      } else {
        let x = ActivationRows<Int8>(
          codes: q8 + token * columns + first * 32, codeStride: columns,
          scales: scales + token * subBlocks + first,
          sums: sums + token * subBlocks * groups + first * groups,
          centers: centers + token * subBlocks + first,
          groupStride: subBlocks, sumStride: subBlocks * groups)
        multiply8(format, panel, count, x, &tile)
        if F.needsOffsets(kind) { addOffsets(panel, groups: count * groups, x, &tile) }
        addCenters(panel, count, x, &tile)
      }
      tile.write(y + token * stride, stride: stride, rows: rows, adding: first > 0)
    }
    var token = 0
    while token + 3 <= tokens {
      tile(InlineArray<3, Bool>.self, token)
      token += 3
    }
    if token + 2 == tokens {
      tile(InlineArray<2, Bool>.self, token)
    } else if token + 1 == tokens {
      tile(InlineArray<1, Bool>.self, token)
    }
    first += count
  }
}

/// The same for float weights; `x` is `[token][columns]` float32.
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
