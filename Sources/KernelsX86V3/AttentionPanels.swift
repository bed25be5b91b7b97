import _Builtin_intrinsics.intel

// Many rows: a block of keys and values is unpacked once to float panels, `[step][16]`, which all rows pass over in
// tiles of six. 12 sums, 2 registers of the panel and 1 number of a row are 15 of AVX2's 16 registers.

/// Rows of one tile.
let rowsPerTile = 6

/// `[panel of 16 positions][headSize][16]`; positions beyond `count` repeat the last.
@inline(__always)
func packKeys<F: FloatFormat>(
  _ format: F.Type, _ keys: UnsafeRawPointer, count: Int, headSize: Int,
  into panels: UnsafeMutablePointer<Float>
) {
  let rowBytes = headSize * F.bytes
  var first = 0
  while first < count {
    let panel = panels + (first & ~15) * headSize + (first & 8)
    @inline(__always) func row(_ i: Int) -> UnsafeRawPointer { keys + min(first + i, count - 1) * rowBytes }
    let r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3), r4 = row(4), r5 = row(5), r6 = row(6), r7 = row(7)
    var k = 0
    while k + 8 <= headSize {
      let t = transpose8(
        bits(F.load8(r0, k)), bits(F.load8(r1, k)), bits(F.load8(r2, k)), bits(F.load8(r3, k)),
        bits(F.load8(r4, k)), bits(F.load8(r5, k)), bits(F.load8(r6, k)), bits(F.load8(r7, k)))
      let target = panel + k * 16
      store(floats(t.0), target)
      store(floats(t.1), target, 16)
      store(floats(t.2), target, 32)
      store(floats(t.3), target, 48)
      store(floats(t.4), target, 64)
      store(floats(t.5), target, 80)
      store(floats(t.6), target, 96)
      store(floats(t.7), target, 112)
      k += 8
    }
    while k < headSize {
      for i in 0..<8 { panel[k * 16 + i] = F.load1(row(i), k) }
      k += 1
    }
    first += 8
  }
  // The second half of the last panel is multiplied as well.
  if (count + 7) / 8 % 2 == 1 {
    let panel = panels + (count - 1) / 16 * 16 * headSize
    for k in 0..<headSize { store(loadFloats(panel, k * 16), panel, k * 16 + 8) }
  }
}

/// `[chunk of 16 values of the head][position][16]`; values beyond `headSize` are 0.
@inline(__always)
func packValues<F: FloatFormat>(
  _ format: F.Type, _ values: UnsafeRawPointer, count: Int, headSize: Int,
  into panels: UnsafeMutablePointer<Float>
) {
  for chunk in 0..<(headSize + 15) / 16 {
    let panel = panels + chunk * 16 * count
    let width = min(16, headSize - chunk * 16)
    for p in 0..<count {
      let source = values + p * headSize * F.bytes
      if width == 16 {
        store(F.load8(source, chunk * 16), panel, p * 16)
        store(F.load8(source, chunk * 16 + 8), panel, p * 16 + 8)
      } else {
        for i in 0..<16 { panel[p * 16 + i] = i < width ? F.load1(source, chunk * 16 + i) : 0 }
      }
    }
  }
}

/// `y[row × stride ..< + 16] (+)= Σ x[row × xStride + k] × panel[k]` for `rows` rows, whole tiles.
@inline(__always)
func multiplyTiles(
  _ panel: UnsafePointer<Float>, _ count: Int, _ x: UnsafePointer<Float>, xStride: Int, rows: Int,
  _ y: UnsafeMutablePointer<Float>, stride: Int, adding: Bool
) {
  var row = 0
  while row < rows {
    let x = x + row * xStride, y = y + row * stride
    var low = InlineArray<6, F256>(repeating: splat(0)), high = low
    if adding {
      for r in 0..<6 {
        low[r] = loadFloats(y, r * stride)
        high[r] = loadFloats(y, r * stride + 8)
      }
    }
    for k in 0..<count {
      let w0 = loadFloats(panel, k * 16), w1 = loadFloats(panel, k * 16 + 8)
      for r in 0..<6 {
        let xb = splat(x[r * xStride + k])
        low[r] = fma(w0, xb, low[r])
        high[r] = fma(w1, xb, high[r])
      }
    }
    for r in 0..<6 {
      store(low[r], y, r * stride)
      store(high[r], y, r * stride + 8)
    }
    row += rowsPerTile
  }
}
