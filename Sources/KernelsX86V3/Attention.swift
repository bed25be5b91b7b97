import _Builtin_intrinsics.intel

// Attention of the query heads that share one key/value head, blocked over positions with an online softmax:
// the scores are never stored beyond one block. Source: Milakov & Gimelshein 2018; Dao et al. 2022 (FlashAttention).

/// Positions in one block.
private let blockPositions = 64

/// Bytes of scratch that `attend` needs for `rows` rows (tokens × heads) of `headSize` values.
public func attentionScratchBytes(rows: Int, headSize: Int) -> Int {
  let paddedHead = (headSize + 15) & ~15
  // queries, results, scores, key panel, value panel, running maxima and sums
  let floats = rows * (2 * paddedHead + blockPositions + 2) + 2 * blockPositions * paddedHead + 256
  return 4 * floats
}

/// Row `token × heads + head` of `q` and `out` is at `token × stride + head × headSize`; it sees the positions
/// `firsts[token] ..< limits[token]` of `keys` and `values` (`[position][headSize]`, half precision or float). A row
/// that sees nothing gives 0.
///
/// Every position from the first to the last that any row sees is read and must have been written with finite numbers:
/// a row that does not see it gives it weight 0. Nothing else is read, so the rest may be uninitialized.
///
/// Scores are multiplied by `scale` and, if `softcap` > 0, squashed to `softcap × tanh(score / softcap)`.
public func attend(
  q: UnsafePointer<Float>, out: UnsafeMutablePointer<Float>, stride: Int, tokens: Int, heads: Int,
  headSize: Int,
  keys: UnsafeRawPointer, values: UnsafeRawPointer, areHalves: Bool, firsts: UnsafePointer<Int32>,
  limits: UnsafePointer<Int32>, scale: Float, softcap: Float, scratch: UnsafeMutableRawPointer
) {
  if areHalves {
    attend(
      F16Format.self, q, out, stride, tokens, heads, headSize, keys, values, firsts, limits, scale, softcap,
      scratch)
  } else {
    attend(
      F32Format.self, q, out, stride, tokens, heads, headSize, keys, values, firsts, limits, scale, softcap,
      scratch)
  }
}

@inline(__always)
private func attend<F: FloatFormat>(
  _ format: F.Type, _ q: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ stride: Int,
  _ tokens: Int,
  _ heads: Int, _ headSize: Int, _ keys: UnsafeRawPointer, _ values: UnsafeRawPointer,
  _ firsts: UnsafePointer<Int32>, _ limits: UnsafePointer<Int32>, _ scale: Float, _ softcap: Float,
  _ scratch: UnsafeMutableRawPointer
) {
  let rows = tokens * heads
  let padded = (headSize + 15) & ~15
  let block = blockPositions
  var next = scratch.assumingMemoryBound(to: Float.self)
  func take(_ count: Int) -> UnsafeMutablePointer<Float> {
    defer { next += count }
    return next
  }
  let queries = take(rows * padded), results = take(rows * padded)
  let scores = take(rows * block)
  let keyPanel = take(block * padded), valuePanel = take(block * padded)
  let maxima = take(rows), sums = take(rows)

  var begin = Int32.max, end: Int32 = 0
  for token in 0..<tokens {
    if firsts[token] < limits[token] {
      begin = min(begin, firsts[token])
      end = max(end, limits[token])
    }
    for head in 0..<heads {
      let row = token * heads + head
      let source = q + token * stride + head * headSize
      for i in 0..<headSize { queries[row * padded + i] = source[i] * scale }
      maxima[row] = -.infinity
      sums[row] = 0
    }
  }
  for i in 0..<rows * padded { results[i] = 0 }

  // With few rows, unpacking a panel costs more than it saves: dot products straight over the cache.
  let usesPanels = rows > 8
  var position = Int(begin)
  while position < Int(end) {
    let count = min(block, Int(end) - position)
    let keyBlock = keys + position * headSize * F.bytes
    let valueBlock = values + position * headSize * F.bytes
    if usesPanels {
      for panel in 0..<(count + 15) / 16 {
        let inPanel = min(16, count - panel * 16)
        packPanel(
          format, keyBlock + panel * 16 * headSize * F.bytes, rowBytes: headSize * F.bytes, rows: inPanel,
          first: 0,
          count: headSize, into: keyPanel)
        multiplyPanel(
          keyPanel, headSize, queries, xStride: padded, tokens: rows, scores + panel * 16, stride: block,
          rows: 16,
          adding: false)
      }
    } else {
      for row in 0..<rows {
        dotRows(
          format, keyBlock, count: count, headSize: headSize, queries + row * padded,
          into: scores + row * block)
      }
    }
    for row in 0..<rows {
      let token = row / heads
      let visible = min(count, max(0, Int(limits[token]) - position))
      let hidden = min(visible, max(0, Int(firsts[token]) - position))
      let line = scores + row * block
      if softcap > 0 { squash(line, count: visible, softcap) }
      var i = 0
      while i < hidden {
        line[i] = -.infinity
        i += 1
      }
      let largest = max(maxima[row], maximum(line, count: visible))
      if visible <= hidden || largest == -.infinity {
        for i in 0..<count { line[i] = 0 }
        continue
      }
      let correction = maxima[row] == -.infinity ? 0 : exponential(splat(maxima[row] - largest))[0]
      i = 0
      while i < hidden {
        line[i] = -1e30
        i += 1
      }
      let sum = exponentials(line, count: visible, minus: largest)
      i = 0
      while i < hidden {
        line[i] = 0
        i += 1
      }
      i = visible
      while i < count {
        line[i] = 0
        i += 1
      }
      sums[row] = sums[row] * correction + sum
      if maxima[row] != largest {
        var d = 0
        let result = results + row * padded
        while d < padded {
          store(loadFloats(result, d) * splat(correction), result, d)
          d += 8
        }
      }
      maxima[row] = largest
    }
    if usesPanels {
      for chunk in 0..<padded / 16 {
        let width = min(16, headSize - chunk * 16)
        for p in 0..<count {
          let source = valueBlock + p * headSize * F.bytes
          if width == 16 {
            store(F.load8(source, chunk * 16), valuePanel, p * 16)
            store(F.load8(source, chunk * 16 + 8), valuePanel, p * 16 + 8)
          } else {
            for i in 0..<16 { valuePanel[p * 16 + i] = i < width ? F.load1(source, chunk * 16 + i) : 0 }
          }
        }
        multiplyPanel(
          valuePanel, count, scores, xStride: block, tokens: rows, results + chunk * 16, stride: padded,
          rows: 16,
          adding: true)
      }
    } else {
      for row in 0..<rows {
        addWeighted(
          format, valueBlock, count: count, headSize: headSize, scores + row * block,
          to: results + row * padded)
      }
    }
    position += block
  }
  for token in 0..<tokens {
    for head in 0..<heads {
      let row = token * heads + head
      let inverse = sums[row] > 0 ? 1 / sums[row] : 0
      let target = out + token * stride + head * headSize
      for i in 0..<headSize { target[i] = results[row * padded + i] * inverse }
    }
  }
}

/// `scores[p] = keys[p] · query`, four positions at a time.
@inline(__always)
private func dotRows<F: FloatFormat>(
  _ format: F.Type, _ keys: UnsafeRawPointer, count: Int, headSize: Int, _ query: UnsafePointer<Float>,
  into scores: UnsafeMutablePointer<Float>
) {
  let rowBytes = headSize * F.bytes
  let whole = headSize & ~7
  var p = 0
  while p < count {
    let k0 = keys + p * rowBytes
    let k1 = keys + min(p + 1, count - 1) * rowBytes
    let k2 = keys + min(p + 2, count - 1) * rowBytes
    let k3 = keys + min(p + 3, count - 1) * rowBytes
    var a = splat(0), b = splat(0), c = splat(0), d = splat(0)
    var i = 0
    while i < whole {
      let x = loadFloats(query, i)
      a = fma(F.load8(k0, i), x, a)
      b = fma(F.load8(k1, i), x, b)
      c = fma(F.load8(k2, i), x, c)
      d = fma(F.load8(k3, i), x, d)
      i += 8
    }
    let pairs = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d))
    var sums = pairs.lowHalf + pairs.highHalf
    while i < headSize {
      sums += SIMD4(F.load1(k0, i), F.load1(k1, i), F.load1(k2, i), F.load1(k3, i)) * query[i]
      i += 1
    }
    for j in 0..<min(4, count - p) { scores[p + j] = sums[j] }
    p += 4
  }
}

/// `result += Σ weights[p] × values[p]`.
@inline(__always)
private func addWeighted<F: FloatFormat>(
  _ format: F.Type, _ values: UnsafeRawPointer, count: Int, headSize: Int, _ weights: UnsafePointer<Float>,
  to result: UnsafeMutablePointer<Float>
) {
  let rowBytes = headSize * F.bytes
  var i = 0
  // 32 values of the head stay in registers while every position passes.
  while i + 32 <= headSize {
    var a = loadFloats(result, i), b = loadFloats(result, i + 8)
    var c = loadFloats(result, i + 16), d = loadFloats(result, i + 24)
    for p in 0..<count {
      let w = splat(weights[p]), v = values + p * rowBytes
      a = fma(F.load8(v, i), w, a)
      b = fma(F.load8(v, i + 8), w, b)
      c = fma(F.load8(v, i + 16), w, c)
      d = fma(F.load8(v, i + 24), w, d)
    }
    store(a, result, i)
    store(b, result, i + 8)
    store(c, result, i + 16)
    store(d, result, i + 24)
    i += 32
  }
  while i + 8 <= headSize {
    var a = loadFloats(result, i)
    for p in 0..<count { a = fma(F.load8(values + p * rowBytes, i), splat(weights[p]), a) }
    store(a, result, i)
    i += 8
  }
  while i < headSize {
    for p in 0..<count { result[i] += weights[p] * F.load1(values + p * rowBytes, i) }
    i += 1
  }
}

/// `x = softcap × tanh(x / softcap)`, with tanh from e^(2x).
@inline(__always)
private func squash(_ x: UnsafeMutablePointer<Float>, count: Int, _ softcap: Float) {
  var i = 0
  while i < count {
    let lanes = min(8, count - i)
    var v = splat(0)
    for j in 0..<lanes { v[j] = x[i + j] }
    let e = exponential(v * splat(2 / softcap))
    let squashed = splat(softcap) * (splat(1) - splat(2) / (e + splat(1)))
    for j in 0..<lanes { x[i + j] = squashed[j] }
    i += 8
  }
}
