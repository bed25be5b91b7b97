import CProcessor
import _Builtin_intrinsics.intel

// Prefill: a panel is 16 rows of weights unpacked once, for up to `Panel.subBlocks` × 32 columns, into the layout
// that the micro-kernels read: lanes are rows, so a token's value is a broadcast and results need no reduction.

enum Panel {
  static var rows: Int { 16 }
  /// Sub-blocks of 32 columns in one panel: 64 KiB of 8-bit codes or 128 KiB of 16-bit ones at most, for the second-level
  /// cache. Most rows fit one panel: results are written once.
  static var subBlocks: Int { 128 }
  /// Columns of a float panel: 16 KiB.
  static var floatColumns: Int { 256 }
  /// Tokens whose sums are ended together, so that what is done once for all of them costs little: whole tiles.
  static var endedTokens: Int { 48 }
  /// Bytes of scratch a worker needs: codes; scales, offsets and totals of 16 rows × two groups a sub-block; sums of 16 rows.
  static var scratchBytes: Int { subBlocks * (1024 + 6 * 64) + endedTokens * 64 }
}

/// How a panel holds codes.
enum PanelCodes {
  /// As the format has them, `0...maximumCode`; `codeBias` becomes an offset.
  case unsigned8
  /// `code − codeBias`, so that only formats with minima of their own have offsets.
  case signed8
  /// Signed codes that use all eight bits, with room for sums.
  case signed16
}

extension CodeFormat {
  /// Does a panel, or a row read for decoding, have offsets beside its scales?
  @inline(__always) static func needsOffsets(_ codes: PanelCodes) -> Bool {
    hasOffset || (codes == .unsigned8 && codeBias != 0)
  }
}

/// One panel in a worker's scratch memory.
struct PanelView {
  /// 8-bit: `[subBlock][k / 4][row][k % 4]`; 16-bit: `[subBlock][even, odd][pair][row][2]`.
  let codes: UnsafeMutableRawPointer
  /// `[subBlock][group][row]`
  let scales: UnsafeMutablePointer<Float>
  let offsets: UnsafeMutablePointer<Float>
  /// `[subBlock][row]`: Σ of the sub-block's 32 weights; 8-bit panels only.
  let totals: UnsafeMutablePointer<Float>
  /// `[token][row]`: sums that wait for their ending.
  let made: UnsafeMutablePointer<Float>

  init(_ scratch: UnsafeMutableRawPointer) {
    codes = scratch
    let floats = (scratch + Panel.subBlocks * 1024).assumingMemoryBound(to: Float.self)
    scales = floats
    offsets = floats + Panel.subBlocks * 32
    totals = floats + Panel.subBlocks * 64
    made = floats + Panel.subBlocks * 96
  }
}

/// Stores half of the rows' units, 16 rows apart.
@inline(__always) private func store8(
  _ r: (I256, I256, I256, I256, I256, I256, I256, I256), _ p: UnsafeMutableRawPointer
) {
  p.storeBytes(of: r.0, as: I256.self)
  p.storeBytes(of: r.1, toByteOffset: 64, as: I256.self)
  p.storeBytes(of: r.2, toByteOffset: 128, as: I256.self)
  p.storeBytes(of: r.3, toByteOffset: 192, as: I256.self)
  p.storeBytes(of: r.4, toByteOffset: 256, as: I256.self)
  p.storeBytes(of: r.5, toByteOffset: 320, as: I256.self)
  p.storeBytes(of: r.6, toByteOffset: 384, as: I256.self)
  p.storeBytes(of: r.7, toByteOffset: 448, as: I256.self)
}

/// Unpacks sub-blocks `first ..< first + count` of 16 rows. Rows past `rows` repeat the last one. Meanwhile what
/// the next panel is packed from is fetched, `ahead` bytes behind each row's blocks.
@inline(__always)
func packPanel<F: CodeFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, first: Int, count: Int,
  as kind: PanelCodes, ahead: Int, into panel: PanelView
) {
  let perBlock = F.subBlocksPerBlock
  let firstBlock = first / perBlock, blocks = (count + perBlock - 1) / perBlock
  for half in 0..<2 {
    let r = half * 8
    @inline(__always) func row(_ i: Int) -> UnsafeRawPointer {
      w + min(r + i, rows - 1) * rowBytes + firstBlock * F.bytesPerBlock
    }
    let p0 = row(0), p1 = row(1), p2 = row(2), p3 = row(3), p4 = row(4), p5 = row(5), p6 = row(6), p7 = row(7)
    for block in 0..<blocks {
      let at = block * F.bytesPerBlock
      for line in 0..<(F.bytesPerBlock + 63) / 64 {
        let offset = at + ahead + 64 * line
        mullama_prefetch_far(p0 + offset)
        mullama_prefetch_far(p1 + offset)
        mullama_prefetch_far(p2 + offset)
        mullama_prefetch_far(p3 + offset)
        mullama_prefetch_far(p4 + offset)
        mullama_prefetch_far(p5 + offset)
        mullama_prefetch_far(p6 + offset)
        mullama_prefetch_far(p7 + offset)
      }
      for j in 0..<perBlock {
        @inline(__always) func codes(_ p: UnsafeRawPointer) -> I256 {
          let c = F.codes(p + at, j)
          return kind == .signed8 && F.codeBias != 0 ? _mm256_sub_epi8(c, splat8(Int8(F.codeBias))) : c
        }
        let c0 = codes(p0), c1 = codes(p1), c2 = codes(p2), c3 = codes(p3)
        let c4 = codes(p4), c5 = codes(p5), c6 = codes(p6), c7 = codes(p7)
        let sub = block * perBlock + j
        if kind == .signed16 {
          let target = panel.codes + sub * 1024 + half * 32
          @inline(__always) func even(_ c: I256) -> I256 { evenCodes(c, signed: true) }
          @inline(__always) func odd(_ c: I256) -> I256 { oddCodes(c, signed: true) }
          store8(
            transpose8(even(c0), even(c1), even(c2), even(c3), even(c4), even(c5), even(c6), even(c7)), target
          )
          store8(
            transpose8(odd(c0), odd(c1), odd(c2), odd(c3), odd(c4), odd(c5), odd(c6), odd(c7)), target + 512)
        } else {
          let t = transpose8(c0, c1, c2, c3, c4, c5, c6, c7)
          store8(t, panel.codes + sub * 512 + half * 32)
          if F.groupsOf16 {
            store(codeSums(t.0, t.1, t.2, t.3), panel.totals, sub * 32 + half * 8)
            store(codeSums(t.4, t.5, t.6, t.7), panel.totals, sub * 32 + 16 + half * 8)
          } else {
            let sums = codeSums(t.0, t.1, t.2, t.3) + codeSums(t.4, t.5, t.6, t.7)
            store(sums, panel.totals, sub * 16 + half * 8)
          }
        }
      }
      // Scales and offsets: eight rows' vectors of eight groups become eight groups' vectors of eight rows.
      packFactors(
        F.self, block, half, panel.scales,
        (p0 + at, p1 + at, p2 + at, p3 + at, p4 + at, p5 + at, p6 + at, p7 + at), offsets: false)
      if F.needsOffsets(kind) {
        packFactors(
          F.self, block, half, panel.offsets,
          (p0 + at, p1 + at, p2 + at, p3 + at, p4 + at, p5 + at, p6 + at, p7 + at), offsets: true)
      }
    }
  }
  if kind != .signed16 { finishTotals(format, panel, blocks * perBlock, offsets: F.needsOffsets(kind)) }
}

/// Stores eight rows' values of eight columns, 16 rows apart: half of a float panel's columns.
@inline(__always) func storeColumns(
  _ t: (I256, I256, I256, I256, I256, I256, I256, I256), _ out: UnsafeMutablePointer<Float>
) {
  store(floats(t.0), out)
  store(floats(t.1), out, 16)
  store(floats(t.2), out, 32)
  store(floats(t.3), out, 48)
  store(floats(t.4), out, 64)
  store(floats(t.5), out, 80)
  store(floats(t.6), out, 96)
  store(floats(t.7), out, 112)
}

/// Σ of 16 codes of each of eight rows, given four codes a row in each register. Bound: 4 × 2 × 128 fits 16 bits.
@inline(__always) private func codeSums(_ a: I256, _ b: I256, _ c: I256, _ d: I256) -> F256 {
  let ones = splat8(1)
  let pairs = _mm256_add_epi16(
    _mm256_add_epi16(_mm256_maddubs_epi16(ones, a), _mm256_maddubs_epi16(ones, b)),
    _mm256_add_epi16(_mm256_maddubs_epi16(ones, c), _mm256_maddubs_epi16(ones, d)))
  return toFloat(_mm256_madd_epi16(pairs, splat16(1)))
}

/// Turns sums of codes into sums of weights, once scales and offsets are in the panel.
@inline(__always)
private func finishTotals<F: CodeFormat>(
  _ format: F.Type, _ panel: PanelView, _ subBlocks: Int, offsets: Bool
) {
  let groups = F.groupsOf16 ? 2 : 1
  let weights = splat(Float(32 / groups))
  for sub in 0..<subBlocks {
    for half in 0..<2 {
      var total = splat(0)
      for group in 0..<groups {
        let at = (sub * groups + group) * 16 + half * 8
        total = fma(loadFloats(panel.scales, at), loadFloats(panel.totals, at), total)
        if offsets { total = fma(loadFloats(panel.offsets, at), weights, total) }
      }
      store(total, panel.totals, sub * 16 + half * 8)
    }
  }
}

private typealias Rows8 = (
  UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer,
  UnsafeRawPointer, UnsafeRawPointer
)

@inline(__always)
private func packFactors<F: CodeFormat>(
  _ format: F.Type, _ block: Int, _ half: Int, _ target: UnsafeMutablePointer<Float>, _ p: Rows8,
  offsets: Bool
) {
  @inline(__always) func lower(_ b: UnsafeRawPointer) -> F256 { offsets ? F.groupOffsets(b) : F.scales(b) }
  @inline(__always) func upper(_ b: UnsafeRawPointer) -> F256 {
    offsets ? F.upperGroupOffsets(b) : F.upperScales(b)
  }
  let groups = F.subBlocksPerBlock * (F.groupsOf16 ? 2 : 1)
  let out = target + block * groups * 16 + half * 8
  if F.weightsPerBlock == 32 {
    let v = F256(
      lower(p.0)[0], lower(p.1)[0], lower(p.2)[0], lower(p.3)[0], lower(p.4)[0], lower(p.5)[0], lower(p.6)[0],
      lower(p.7)[0])
    store(v, out)
    return
  }
  storeColumns(
    transpose8(
      bits(lower(p.0)), bits(lower(p.1)), bits(lower(p.2)), bits(lower(p.3)), bits(lower(p.4)),
      bits(lower(p.5)),
      bits(lower(p.6)), bits(lower(p.7))), out)
  if F.groupsOf16 {
    storeColumns(
      transpose8(
        bits(upper(p.0)), bits(upper(p.1)), bits(upper(p.2)), bits(upper(p.3)), bits(upper(p.4)),
        bits(upper(p.5)), bits(upper(p.6)), bits(upper(p.7))), out + 128)
  }
}
