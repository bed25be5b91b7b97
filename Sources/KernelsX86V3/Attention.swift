import _Builtin_intrinsics.intel

// Attention of the query heads that share one key/value head, blocked over positions with an online softmax:
// the scores are never stored beyond one block. Source: Milakov & Gimelshein 2018; Dao et al. 2022 (FlashAttention).
// A range of positions may be done alone and merged with others after (Dao et al. 2023, "Flash-Decoding").

/// Rows (tokens × heads) up to which dot products straight over the cache cost less than unpacking panels.
private let fewRows = 8
/// Positions in one block: for few rows, keys and values that stay in the first-level cache between the heads; for
/// many, as many as make the sums of a tile worth loading and storing.
private let fewRowsBlock = 64
private let panelBlock = 128

/// Bytes of scratch that `attend` needs for `rows` rows (tokens × heads) of `headSize` values.
public func attentionScratchBytes(rows: Int, headSize: Int) -> Int {
  let width = paddedHead(headSize), rows = paddedRows(rows)
  // queries, results, scores, key panels, value panels, running maxima and sums
  let floats = rows * (2 * width + panelBlock + 2) + 2 * panelBlock * width
  return 4 * floats
}

private func paddedHead(_ headSize: Int) -> Int { (headSize + 15) & ~15 }

private func paddedRows(_ rows: Int) -> Int { (rows + rowsPerTile - 1) / rowsPerTile * rowsPerTile }

/// Row `token × heads + head` of `q` and `out` is at `token × stride + head × headSize`; it sees the positions
/// `firsts[token] ..< limits[token]` of `keys` and `values` (`[position][headSize]`, half precision or float), of
/// which `begin ..< end` are taken. A row that sees none of them gives 0.
///
/// Without `partials`, `out` receives the weighted means. With it, `out` is untouched and row `r` leaves at
/// `partials + r × (headSize + 2)` Σ 2^(s − m) v, then m, the largest of its scores (in units of ln 2), and
/// Σ 2^(s − m), for `mergeAttention`.
///
/// Every position of `begin ..< end` from the first to the last that any row sees is read and must have been written
/// with finite numbers: a row that does not see it gives it weight 0. Nothing else is read, so the rest may be
/// uninitialized.
///
/// Scores are multiplied by `scale` and, if `softcap` > 0, squashed to `softcap × tanh(score / softcap)`.
public func attend(
  q: UnsafePointer<Float>, out: UnsafeMutablePointer<Float>, stride: Int, tokens: Int, heads: Int,
  headSize: Int, keys: UnsafeRawPointer, values: UnsafeRawPointer, areHalves: Bool,
  firsts: UnsafePointer<Int32>, limits: UnsafePointer<Int32>, begin: Int, end: Int, scale: Float,
  softcap: Float, partials: UnsafeMutablePointer<Float>?, scratch: UnsafeMutableRawPointer
) {
  let rows = AttentionRows(
    q: q, out: out, stride: stride, tokens: tokens, heads: heads, headSize: headSize, firsts: firsts,
    limits: limits, begin: begin, end: end)
  switch (areHalves, rows.count > fewRows) {
  case (true, false):
    attendFew(F16Format.self, rows, keys, values, scale, softcap, partials, scratch)
  case (true, true):
    attendMany(F16Format.self, rows, keys, values, scale, softcap, partials, scratch)
  case (false, false):
    attendFew(F32Format.self, rows, keys, values, scale, softcap, partials, scratch)
  case (false, true):
    attendMany(F32Format.self, rows, keys, values, scale, softcap, partials, scratch)
  }
}

/// The rows of one call, where they are and what they see.
struct AttentionRows {
  let q: UnsafePointer<Float>
  let out: UnsafeMutablePointer<Float>
  let stride: Int
  let tokens: Int
  let heads: Int
  let headSize: Int
  let firsts: UnsafePointer<Int32>
  let limits: UnsafePointer<Int32>
  let begin: Int
  let end: Int

  var count: Int { tokens * heads }

  /// The positions that any row sees.
  var visible: Range<Int> {
    var first = end, last = begin
    for token in 0..<tokens where firsts[token] < limits[token] {
      first = min(first, max(begin, Int(firsts[token])))
      last = max(last, min(end, Int(limits[token])))
    }
    return first..<max(first, last)
  }
}

/// Dot products of each row with the keys as they are stored.
@inline(never)
private func attendFew<F: FloatFormat>(
  _ format: F.Type, _ rows: AttentionRows, _ keys: UnsafeRawPointer, _ values: UnsafeRawPointer,
  _ scale: Float, _ softcap: Float, _ partials: UnsafeMutablePointer<Float>?,
  _ scratch: UnsafeMutableRawPointer
) {
  let headSize = rows.headSize, rowBytes = headSize * F.bytes
  let state = AttentionState(rows, block: fewRowsBlock, softcap: softcap, scratch)
  state.begin(scale: scale)
  let range = rows.visible
  var position = range.lowerBound
  while position < range.upperBound {
    // Blocks begin at multiples of their size, whatever the first position is.
    let count = min(fewRowsBlock - position % fewRowsBlock, range.upperBound - position)
    let keyBlock = keys + position * rowBytes, valueBlock = values + position * rowBytes
    scoreRows(
      format, keyBlock, valueBlock, count: count, headSize: headSize, state.queries, stride: state.width,
      rows: rows.count, into: state.scores, scoreStride: fewRowsBlock)
    state.weigh(position: position, count: count)
    addWeightedRows(
      format, valueBlock, count: count, headSize: headSize, state.scores, scoreStride: fewRowsBlock,
      rows: rows.count, to: state.results, stride: state.width)
    position += count
  }
  state.finish(partials)
}

/// Blocks of keys and values unpacked to panels that all rows share.
@inline(never)
private func attendMany<F: FloatFormat>(
  _ format: F.Type, _ rows: AttentionRows, _ keys: UnsafeRawPointer, _ values: UnsafeRawPointer,
  _ scale: Float, _ softcap: Float, _ partials: UnsafeMutablePointer<Float>?,
  _ scratch: UnsafeMutableRawPointer
) {
  let headSize = rows.headSize, rowBytes = headSize * F.bytes
  let state = AttentionState(rows, block: panelBlock, softcap: softcap, scratch)
  state.begin(scale: scale)
  let width = state.width
  let keyPanel = state.scratchEnd, valuePanel = state.scratchEnd + panelBlock * width
  let range = rows.visible
  var position = range.lowerBound
  while position < range.upperBound {
    let count = min(panelBlock - position % panelBlock, range.upperBound - position)
    packKeys(format, keys + position * rowBytes, count: count, headSize: headSize, into: keyPanel)
    for panel in 0..<(count + 15) / 16 {
      multiplyTiles(
        keyPanel + panel * 16 * headSize, headSize, state.queries, xStride: width, rows: state.paddedCount,
        state.scores + panel * 16, stride: panelBlock, adding: false)
    }
    state.weigh(position: position, count: count)
    packValues(format, values + position * rowBytes, count: count, headSize: headSize, into: valuePanel)
    for chunk in 0..<width / 16 {
      multiplyTiles(
        valuePanel + chunk * 16 * count, count, state.scores, xStride: panelBlock, rows: state.paddedCount,
        state.results + chunk * 16, stride: width, adding: true)
    }
    position += count
  }
  state.finish(partials)
}

/// Queries, results, scores of one block, running maxima and sums of a call's rows, in scratch memory.
struct AttentionState {
  let rows: AttentionRows
  let softcap: Float
  /// Row strides in floats: of `queries` and `results`, and of `scores`.
  let width: Int
  let block: Int
  /// Whole tiles; the rows beyond `rows.count` are 0.
  let paddedCount: Int
  let queries: UnsafeMutablePointer<Float>
  let results: UnsafeMutablePointer<Float>
  let scores: UnsafeMutablePointer<Float>
  let maxima: UnsafeMutablePointer<Float>
  let sums: UnsafeMutablePointer<Float>
  let scratchEnd: UnsafeMutablePointer<Float>

  init(_ rows: AttentionRows, block: Int, softcap: Float, _ scratch: UnsafeMutableRawPointer) {
    self.rows = rows
    self.softcap = softcap
    self.block = block
    width = paddedHead(rows.headSize)
    paddedCount = paddedRows(rows.count)
    queries = scratch.assumingMemoryBound(to: Float.self)
    results = queries + paddedCount * width
    scores = results + paddedCount * width
    maxima = scores + paddedCount * block
    sums = maxima + paddedCount
    scratchEnd = sums + paddedCount
  }

  /// Scores come out in units of ln 2, so that weights are powers of two: the factor goes into the queries. Where they
  /// are squashed, in units that make tanh a power of two.
  func begin(scale: Float) {
    let factor = softcap > 0 ? scale * 2 * log2e / softcap : scale * log2e
    for token in 0..<rows.tokens {
      for head in 0..<rows.heads {
        let source = rows.q + token * rows.stride + head * rows.headSize
        let target = queries + (token * rows.heads + head) * width
        for i in 0..<rows.headSize { target[i] = source[i] * factor }
        for i in rows.headSize..<width { target[i] = 0 }
      }
    }
    for i in rows.count * width..<paddedCount * width { queries[i] = 0 }
    for i in 0..<paddedCount * width { results[i] = 0 }
    for i in rows.count * block..<paddedCount * block { scores[i] = 0 }
    for row in 0..<rows.count {
      maxima[row] = -.infinity
      sums[row] = 0
    }
  }

  /// Turns the scores of a block into weights relative to each row's largest score so far; rescales what the rows hold
  /// where that has grown.
  func weigh(position: Int, count: Int) {
    var row = 0
    for token in 0..<rows.tokens {
      let visible = min(count, max(0, Int(rows.limits[token]) - position))
      let hidden = min(visible, max(0, Int(rows.firsts[token]) - position))
      for _ in 0..<rows.heads {
        let line = scores + row * block
        if softcap > 0 { squash(line, count: count, softcap) }
        let correction = softmax(
          line, hidden: hidden, visible: visible, count: count, maximum: &maxima[row], sum: &sums[row])
        if correction != 1 {
          let result = results + row * width
          var i = 0
          while i < width {
            store(loadFloats(result, i) * splat(correction), result, i)
            i += 8
          }
        }
        row += 1
      }
    }
  }

  func finish(_ partials: UnsafeMutablePointer<Float>?) {
    let n = rows.headSize
    for token in 0..<rows.tokens {
      for head in 0..<rows.heads {
        let row = token * rows.heads + head
        let result = results + row * width
        if let partials {
          let target = partials + row * (n + 2)
          for i in 0..<n { target[i] = result[i] }
          target[n] = maxima[row]
          target[n + 1] = sums[row]
        } else {
          let inverse = sums[row] > 0 ? 1 / sums[row] : 0
          let target = rows.out + token * rows.stride + head * n
          for i in 0..<n { target[i] = result[i] * inverse }
        }
      }
    }
  }
}
