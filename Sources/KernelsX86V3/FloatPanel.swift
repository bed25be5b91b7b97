/// Transposes columns `first ..< first + count` of 16 float rows into `[column][row]`.
@inline(__always)
func packPanel<F: FloatFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, first: Int, count: Int,
  into panel: UnsafeMutablePointer<Float>
) {
  for half in 0..<2 {
    let r = half * 8
    @inline(__always) func row(_ i: Int) -> UnsafeRawPointer { w + min(r + i, rows - 1) * rowBytes }
    var k = 0
    while k + 8 <= count {
      let c = first + k
      let t = transpose8(
        bits(F.load8(row(0), c)), bits(F.load8(row(1), c)), bits(F.load8(row(2), c)),
        bits(F.load8(row(3), c)),
        bits(F.load8(row(4), c)), bits(F.load8(row(5), c)), bits(F.load8(row(6), c)), bits(F.load8(row(7), c))
      )
      storeColumns(t, panel + k * 16 + r)
      k += 8
    }
    while k < count {
      for i in 0..<8 { panel[k * 16 + r + i] = F.load1(row(i), first + k) }
      k += 1
    }
  }
}
