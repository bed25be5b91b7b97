import CProcessor

/// What is done to the sums of a tile's 16 rows before they are written:
/// `y = gain ⊙ (W·x + Σ inner) + Σ outer + bias + baseBias`.
///
/// Each step has the bits of the same step done to the written result.
public struct TileEnding {
  /// The inner ones, then the outer ones.
  public let terms: UnsafeBufferPointer<FactorTerm>
  public let innerCount: Int
  /// 16 values; nil: all 1.
  public let gain: UnsafePointer<Float>?
  /// 16 values; nil: all 0.
  public let bias: UnsafePointer<Float>?
  public let baseBias: UnsafePointer<Float>?

  /// - Parameters:
  ///   - terms: Of which the first `innerCount` come before the gain.
  public init(
    terms: UnsafeBufferPointer<FactorTerm>, innerCount: Int, gain: UnsafePointer<Float>?,
    bias: UnsafePointer<Float>?, baseBias: UnsafePointer<Float>?
  ) {
    self.terms = terms
    self.innerCount = innerCount
    self.gain = gain
    self.bias = bias
    self.baseBias = baseBias
  }

  /// Is there anything beside terms?
  var hasVectors: Bool { gain != nil || bias != nil || baseBias != nil }

  /// Begins to fetch what the ending reads whatever the token.
  @inlinable @inline(__always) public func prefetch() { for term in terms { term.prefetch() } }

  /// Begins to fetch what the ending of some tokens reads and writes.
  @inlinable @inline(__always)
  public func prefetch(token: Int, count: Int, _ y: UnsafeMutablePointer<Float>, stride: Int) {
    for t in 0..<count { mullama_prefetch_write(y + t * stride) }
    for term in terms { term.prefetch(token: token, count: count) }
  }
}

/// Sums to which an ending is done, some tokens' together, which stay in the first-level cache until then; with `adding`, what
/// `y` has belongs to `W·x`. What the ending writes is fetched as each tile begins, as it is not near; `h` is in the second-level cache.
struct EndedOutput: TileOutput {
  let ending: TileEnding
  /// 16 sums of each token.
  let made: UnsafeMutablePointer<Float>
  let y: UnsafeMutablePointer<Float>
  let stride: Int
  let rows: Int
  let adding: Bool

  static var tokensTogether: Int { Panel.endedTokens }

  @inline(__always) func begin() { ending.prefetch() }

  @inline(__always) func begin(token: Int, count: Int) {
    for t in token..<token + count { mullama_prefetch_write(y + t * stride) }
  }

  @inline(__always) func write<let Tokens: Int>(_ sums: TileSums<Tokens>, token: Int) {
    sums.write(made + token % Self.tokensTogether * 16, stride: 16, rows: 16, adding: false)
  }

  /// No part of the function that makes the sums: its loop needs all registers.
  @inline(never) func end(token: Int, count: Int) {
    let target = y + token * stride
    if adding { forEachToken(count) { $0.add(target + $1 * stride, rows: rows) } }
    let terms = ending.terms
    for index in terms.indices {
      if index == ending.innerCount, let gain = ending.gain {
        forEachToken(count) { sums, _ in sums.multiply(gain) }
      }
      if index + 1 < terms.count || rows < 16 {
        terms[index].add(to: made, stride: 16, token: token, count: count)
      } else {
        addLast(terms[index], token: token, count: count)
        return
      }
    }
    let vectors = TileVectors(ending)
    for t in 0..<count {
      var sums = TileSums<1>(made + 16 * t)
      vectors.finish(&sums.low[0], &sums.high[0])
      sums.write(target + t * stride, stride: stride, rows: rows, adding: false)
    }
  }

  /// Adds the last term of 16 rows on the way to `y`.
  @inline(__always) private func addLast(_ term: FactorTerm, token: Int, count: Int) {
    let target = y + token * stride
    let last = term.blocks - 1
    term.add(0..<last, to: made, stride: 16, token: token, count: count)
    if ending.hasVectors {
      let vectors = TileVectors(ending)
      term.add(last, to: made, stride: 16, token: token, count: count) { low, high, i in
        var low = low, high = high
        vectors.finish(&low, &high)
        store(low, target + i * stride)
        store(high, target + i * stride, 8)
      }
    } else {
      term.add(last, to: made, stride: 16, token: token, count: count) { low, high, i in
        store(low, target + i * stride)
        store(high, target + i * stride, 8)
      }
    }
  }

  @inline(__always)
  private func forEachToken(_ count: Int, _ body: (_ sums: inout TileSums<1>, _ t: Int) -> Void) {
    for t in 0..<count {
      var sums = TileSums<1>(made + 16 * t)
      body(&sums, t)
      sums.write(made + 16 * t, stride: 16, rows: 16, adding: false)
    }
  }
}

/// What 16 rows' sums are multiplied with, and what is added to them, behind their last term. What there is none of changes no bit.
private struct TileVectors {
  let gain: (F256, F256)
  let bias: (F256, F256)
  let baseBias: (F256, F256)

  @inline(__always) init(_ ending: TileEnding) {
    @inline(__always) func pair(_ values: UnsafePointer<Float>?, else value: Float) -> (F256, F256) {
      guard let values else { return (splat(value), splat(value)) }
      return (loadFloats(values), loadFloats(values, 8))
    }
    gain = pair(ending.innerCount == ending.terms.count ? ending.gain : nil, else: 1)
    bias = pair(ending.bias, else: -0.0)
    baseBias = pair(ending.baseBias, else: -0.0)
  }

  @inline(__always) func finish(_ low: inout F256, _ high: inout F256) {
    low = low * gain.0 + bias.0 + baseBias.0
    high = high * gain.1 + bias.1 + baseBias.1
  }
}
