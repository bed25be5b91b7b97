import CProcessor
import _Builtin_intrinsics.intel

// Few rows: keys and values are read as they are stored, and each number is made a float once for up to six rows.

/// How far ahead of the present key further keys are fetched: the processor's own prefetching ends with each page.
private let prefetchDistance = 4096

/// Calls `body` with a compile-time number of rows and the first of them, until all rows are done.
@inline(__always)
private func forEachTile(_ rows: Int, _ body: some TileBody) {
  var row = 0
  while row + 6 <= rows {
    body.run(InlineArray<6, Bool>.self, row)
    row += 6
  }
  if row + 4 <= rows {
    body.run(InlineArray<4, Bool>.self, row)
    row += 4
  }
  if row + 3 == rows {
    body.run(InlineArray<3, Bool>.self, row)
  } else if row + 2 == rows {
    body.run(InlineArray<2, Bool>.self, row)
  } else if row + 1 == rows {
    body.run(InlineArray<1, Bool>.self, row)
  }
}

private protocol TileBody {
  func run<let Rows: Int>(_ size: InlineArray<Rows, Bool>.Type, _ row: Int)
}

/// `scores[row × scoreStride + p] = keys[p] · queries[row]`; lines of `scores` are written up to a multiple of two.
/// Begins to fetch the block's values.
@inline(__always)
func scoreRows<F: FloatFormat>(
  _ format: F.Type, _ keys: UnsafeRawPointer, _ values: UnsafeRawPointer, count: Int, headSize: Int,
  _ queries: UnsafePointer<Float>, stride: Int, rows: Int, into scores: UnsafeMutablePointer<Float>,
  scoreStride: Int
) {
  let rowBytes = headSize * F.bytes
  var p = 0
  while p < count {
    var line = p * rowBytes
    while line < (p + 2) * rowBytes {
      mullama_prefetch(values + line)
      mullama_prefetch(keys + line + prefetchDistance)
      line += 64
    }
    let k0 = keys + p * rowBytes, k1 = keys + min(p + 1, count - 1) * rowBytes
    forEachTile(
      rows,
      ScoreTile<F>(
        k0: k0, k1: k1, headSize: headSize, queries: queries, stride: stride, scores: scores + p,
        scoreStride: scoreStride))
    p += 2
  }
}

/// Two keys times some rows: six rows make 12 sums, 2 keys and 1 query in registers.
private struct ScoreTile<F: FloatFormat>: TileBody {
  let k0: UnsafeRawPointer
  let k1: UnsafeRawPointer
  let headSize: Int
  let queries: UnsafePointer<Float>
  let stride: Int
  let scores: UnsafeMutablePointer<Float>
  let scoreStride: Int

  @inline(__always)
  func run<let Rows: Int>(_ size: InlineArray<Rows, Bool>.Type, _ row: Int) {
    let queries = queries + row * stride, scores = scores + row * scoreStride
    var a = InlineArray<Rows, F256>(repeating: splat(0)), b = a
    let whole = headSize & ~7
    var i = 0
    while i < whole {
      let x0 = F.load8(k0, i), x1 = F.load8(k1, i)
      for r in 0..<Rows {
        let q = loadFloats(queries, r * stride + i)
        a[r] = fma(x0, q, a[r])
        b[r] = fma(x1, q, b[r])
      }
      i += 8
    }
    for r in 0..<Rows {
      let pairs = _mm256_hadd_ps(a[r], b[r])
      let four = pairs.lowHalf + pairs.highHalf
      var sums = SIMD2(four.x + four.y, four.z + four.w)
      i = whole
      while i < headSize {
        sums += SIMD2(F.load1(k0, i), F.load1(k1, i)) * queries[r * stride + i]
        i += 1
      }
      UnsafeMutableRawPointer(scores + r * scoreStride).storeBytes(of: sums, as: SIMD2<Float>.self)
    }
  }
}

/// `results[row] += Σ weights[row × scoreStride + p] × values[p]`.
@inline(__always)
func addWeightedRows<F: FloatFormat>(
  _ format: F.Type, _ values: UnsafeRawPointer, count: Int, headSize: Int, _ weights: UnsafePointer<Float>,
  scoreStride: Int, rows: Int, to results: UnsafeMutablePointer<Float>, stride: Int
) {
  var i = 0
  while i < headSize {
    forEachTile(
      rows,
      ValueTile<F>(
        values: values, first: i, width: min(16, headSize - i), count: count, rowBytes: headSize * F.bytes,
        weights: weights, scoreStride: scoreStride, results: results, stride: stride))
    i += 16
  }
}

/// 16 values of the head: six rows make 12 sums, 2 values and 1 weight in registers while every position passes.
private struct ValueTile<F: FloatFormat>: TileBody {
  let values: UnsafeRawPointer
  let first: Int
  let width: Int
  let count: Int
  let rowBytes: Int
  let weights: UnsafePointer<Float>
  let scoreStride: Int
  let results: UnsafeMutablePointer<Float>
  let stride: Int

  @inline(__always)
  func run<let Rows: Int>(_ size: InlineArray<Rows, Bool>.Type, _ row: Int) {
    let w = weights + row * scoreStride, target = results + row * stride + first
    if width < 16 {
      for r in 0..<Rows {
        for p in 0..<count {
          for i in 0..<width {
            target[r * stride + i] += w[r * scoreStride + p] * F.load1(values + p * rowBytes, first + i)
          }
        }
      }
      return
    }
    var a = InlineArray<Rows, F256>(repeating: splat(0)), b = a
    for r in 0..<Rows {
      a[r] = loadFloats(target, r * stride)
      b[r] = loadFloats(target, r * stride + 8)
    }
    for p in 0..<count {
      let v0 = F.load8(values + p * rowBytes, first), v1 = F.load8(values + p * rowBytes, first + 8)
      for r in 0..<Rows {
        let weight = splat(w[r * scoreStride + p])
        a[r] = fma(v0, weight, a[r])
        b[r] = fma(v1, weight, b[r])
      }
    }
    for r in 0..<Rows {
      store(a[r], target, r * stride)
      store(b[r], target, r * stride + 8)
    }
  }
}
