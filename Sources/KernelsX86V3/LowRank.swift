import _Builtin_intrinsics.intel

/// `y[token × stride + row] += b[row] · h[token]` for a low-rank factor `b`, `rank` columns.
public func addLowRank(
  type: UInt32, weights b: UnsafeRawPointer, rowBytes: Int, rows: Int, rank: Int, h: UnsafePointer<Float>,
  hStride: Int, tokens: Int, to y: UnsafeMutablePointer<Float>, stride: Int, scratch: UnsafeMutableRawPointer
) {
  @inline(__always) func run<F: FloatFormat>(_ format: F.Type) {
    if tokens == 1 && rank & 7 == 0 && rank <= 64 {
      addRow(format, b, rowBytes: rowBytes, rows: rows, rank: rank, h, y)
      return
    }
    var first = 0
    while first < rows {
      let count = min(16, rows - first)
      var column = 0
      while column < rank {
        let width = min(Panel.floatColumns, rank - column)
        let panel = scratch.assumingMemoryBound(to: Float.self)
        packPanel(
          format, b + first * rowBytes, rowBytes: rowBytes, rows: count, first: column, count: width,
          into: panel)
        multiplyPanel(
          panel, width, h + column, xStride: hStride, tokens: tokens, y + first, stride: stride, rows: count,
          adding: true)
        column += width
      }
      first += 16
    }
  }
  switch type {
  case 0: run(F32Format.self)
  case 1: run(F16Format.self)
  case 30: run(BF16Format.self)
  case 8: run(Q8_0Factor.self)
  default: preconditionFailure("no low-rank kernel for tensor type \(type)")
  }
}

/// One token: eight rows' products are added across lanes together.
@inline(__always)
private func addRow<F: FloatFormat>(
  _ format: F.Type, _ b: UnsafeRawPointer, rowBytes: Int, rows: Int, rank: Int, _ h: UnsafePointer<Float>,
  _ y: UnsafeMutablePointer<Float>
) {
  var row = 0
  while row + 8 <= rows {
    let p = b + row * rowBytes
    var s0 = splat(0), s1 = splat(0), s2 = splat(0), s3 = splat(0)
    var s4 = splat(0), s5 = splat(0), s6 = splat(0), s7 = splat(0)
    var k = 0
    while k < rank {
      let x = loadFloats(h, k)
      s0 = fma(F.load8(p, k), x, s0)
      s1 = fma(F.load8(p + rowBytes, k), x, s1)
      s2 = fma(F.load8(p + 2 * rowBytes, k), x, s2)
      s3 = fma(F.load8(p + 3 * rowBytes, k), x, s3)
      s4 = fma(F.load8(p + 4 * rowBytes, k), x, s4)
      s5 = fma(F.load8(p + 5 * rowBytes, k), x, s5)
      s6 = fma(F.load8(p + 6 * rowBytes, k), x, s6)
      s7 = fma(F.load8(p + 7 * rowBytes, k), x, s7)
      k += 8
    }
    let a = _mm256_hadd_ps(_mm256_hadd_ps(s0, s1), _mm256_hadd_ps(s2, s3))
    let c = _mm256_hadd_ps(_mm256_hadd_ps(s4, s5), _mm256_hadd_ps(s6, s7))
    let sums = F256(lowHalf: a.lowHalf + a.highHalf, highHalf: c.lowHalf + c.highHalf)
    store(loadFloats(y, row) + sums, y, row)
    row += 8
  }
  while row < rows {
    var sum = splat(0)
    var k = 0
    while k < rank {
      sum = fma(F.load8(b + row * rowBytes, k), loadFloats(h, k), sum)
      k += 8
    }
    y[row] += horizontalSum(sum)
    row += 1
  }
}
