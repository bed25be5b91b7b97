import CProcessor
import _Builtin_intrinsics.intel

// Decode of Q4_K and Q5_K with 8-bit activations. Eight rows share the unpacking of their scales, a row in each lane;
// then each row is read by itself.

/// Q4_K and Q5_K.
protocol SixBitFormat: CodeFormat {}
extension Q4_K: SixBitFormat {}
extension Q5_K: SixBitFormat {}

/// The scales and minima of one block of eight rows, a row in each lane.
///
/// A header is two half-precision units, then scales 0–3 with the top bits of 4–7 (bytes 4–7), minima in the same way
/// (8–11), and the low four bits of scales and minima 4–7 (12–15).
private struct SixBitHeaders {
  /// Numbers 0–3 and 4–7, a byte each.
  let scales: (I256, I256)
  let minima: (I256, I256)
  let scaleUnits: F256
  let minimumUnits: F256

  @inline(__always) init(_ p: UnsafeRawPointer, _ stride: Int) {
    let q = p + 4 * stride
    @inline(__always) func header(_ row: Int) -> I256 {
      join(load128(p + row * stride), load128(q + row * stride))
    }
    let r0 = header(0), r1 = header(1), r2 = header(2), r3 = header(3)
    let low01 = _mm256_unpacklo_epi32(r0, r1), low23 = _mm256_unpacklo_epi32(r2, r3)
    let high01 = _mm256_unpackhi_epi32(r0, r1), high23 = _mm256_unpackhi_epi32(r2, r3)
    let units = _mm256_unpacklo_epi64(low01, low23), a = _mm256_unpackhi_epi64(low01, low23)
    let b = _mm256_unpacklo_epi64(high01, high23), c = _mm256_unpackhi_epi64(high01, high23)
    let six = splat8(0x3F), four = splat8(0x0F), two = splat8(0x30)
    @inline(__always) func top(_ v: I256) -> I256 { _mm256_and_si256(_mm256_srli_epi16(v, 2), two) }
    scales = (_mm256_and_si256(a, six), _mm256_or_si256(_mm256_and_si256(c, four), top(a)))
    minima = (
      _mm256_and_si256(b, six), _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(c, 4), four), top(b))
    )
    // In each half four scale units, then four minimum units.
    let sorted = _mm256_shuffle_epi8(units, inHalves(0x0D0C_0908_0504_0100, 0x0F0E_0B0A_0706_0302))
    scaleUnits = _mm256_cvtph_ps(I128(sorted.x, sorted.z))
    minimumUnits = _mm256_cvtph_ps(I128(sorted.y, sorted.w))
  }
}

/// The same 16 bytes in both halves.
@inline(__always) private func inHalves(_ low: Int64, _ high: Int64) -> I256 { I256(low, high, low, high) }

/// Byte `index` of every 32-bit lane, twice as 16 bits.
@inline(__always) private func bytePairs(_ v: I256, _ index: Int) -> I256 {
  let lane = 0x8000_8000 + 0x0001_0001 * Int64(index)
  let low = lane | (lane + 0x0004_0004) << 32
  return _mm256_shuffle_epi8(v, inHalves(low, low &+ 0x0008_0008_0008_0008))
}

/// Bytes 0 and 1 (or 2 and 3) of every 32-bit lane as 16 bits.
@inline(__always) private func lowerBytes(_ v: I256) -> I256 {
  let low = Int64(bitPattern: 0x8005_8004_8001_8000)
  return _mm256_shuffle_epi8(v, inHalves(low, low &+ 0x0008_0008_0008_0008))
}
@inline(__always) private func upperBytes(_ v: I256) -> I256 {
  let low = Int64(bitPattern: 0x8007_8006_8003_8002)
  return _mm256_shuffle_epi8(v, inHalves(low, low &+ 0x0008_0008_0008_0008))
}

/// Scratch bytes of eight rows' block: eight scales as pairs of 16-bit numbers, `[scale][row]`, then the units.
private let preparedBytes = 288

/// First pass over eight rows: prepares scales; returns Σ minimum × sum of x.
@inline(__always)
private func prepare(
  _ rows: UnsafeRawPointer, _ stride: Int, blocks: Int, bytesPerBlock: Int, _ x: OctetActivations,
  _ scratch: UnsafeMutableRawPointer
) -> F256 {
  var offsets = splat(0)
  for block in 0..<blocks {
    let header = SixBitHeaders(rows + block * bytesPerBlock, stride)
    let prepared = scratch + preparedBytes * block
    @inline(__always) func storeScale(_ scales: I256, _ index: Int) {
      (prepared + 32 * index).storeBytes(of: bytePairs(scales, index & 3), as: I256.self)
    }
    storeScale(header.scales.0, 0)
    storeScale(header.scales.0, 1)
    storeScale(header.scales.0, 2)
    storeScale(header.scales.0, 3)
    storeScale(header.scales.1, 4)
    storeScale(header.scales.1, 5)
    storeScale(header.scales.1, 6)
    storeScale(header.scales.1, 7)
    (prepared + 256).storeBytes(of: header.scaleUnits, as: F256.self)
    let pairs = x.integerSums + 8 * block
    @inline(__always) func minimumSums(_ minima: I256, _ index: Int) -> I256 {
      let word = UnsafeRawPointer(pairs).load(fromByteOffset: 4 * index, as: Int32.self)
      return _mm256_madd_epi16(minima, _mm256_set1_epi32(word))
    }
    // 63 × 32767 × 8 < 2³¹
    let sum = _mm256_add_epi32(
      _mm256_add_epi32(
        minimumSums(lowerBytes(header.minima.0), 0), minimumSums(upperBytes(header.minima.0), 1)),
      _mm256_add_epi32(
        minimumSums(lowerBytes(header.minima.1), 2), minimumSums(upperBytes(header.minima.1), 3)))
    offsets = fma(toFloat(sum), header.minimumUnits * x.integerSumScales[block], offsets)
  }
  return offsets
}

/// Second pass over one row. `prepared` is its place within the first block's scratch; `ahead`: what is fetched.
@inline(__always)
private func multiplyRow<F: SixBitFormat>(
  _ format: F.Type, _ row: UnsafeRawPointer, blocks: Int, _ activations: OctetActivations,
  _ prepared: UnsafeRawPointer, ahead: Int
) -> F256 {
  var total = splat(0), other = splat(0)
  for block in 0..<blocks {
    let b = row + block * F.bytesPerBlock
    fetchBlock(b + ahead, bytes: F.bytesPerBlock)
    let x = activations.advanced(columns: 256 * block), s = prepared + preparedBytes * block
    @inline(__always) func product(_ index: Int) -> F256 {
      let first = _mm256_set1_epi32(s.load(fromByteOffset: 64 * index, as: Int32.self))
      let second = _mm256_set1_epi32(s.load(fromByteOffset: 64 * index + 32, as: Int32.self))
      return pairProducts(format, b, index, x, (first, second))
    }
    let unit = splat(s.load(fromByteOffset: 256, as: Float.self))
    total = fma(product(0), x.pairScales(0) * unit, total)
    other = fma(product(1), x.pairScales(1) * unit, other)
    total = fma(product(2), x.pairScales(2) * unit, total)
    other = fma(product(3), x.pairScales(3) * unit, other)
  }
  return total + other
}

/// `rows` rows of packed weights times one token: `y[row] = w[row] · x`. Scratch: 288 bytes for each 256 columns, and 256.
@inline(never)
func matVecOctets<F: SixBitFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int, _ x: OctetActivations,
  _ y: UnsafeMutablePointer<Float>, beside: RowStreams, scratch: UnsafeMutableRawPointer
) {
  let blocks = columns / 256
  let sums = scratch.assumingMemoryBound(to: Float.self), prepared = scratch + 256
  var row = 0
  while row < rows {
    // The last rows with those before them once more; fewer than eight each by itself, as eight equal ones.
    let first = rows < 8 ? row : min(row, rows - 8)
    let stride = rows < 8 ? 0 : rowBytes, count = rows < 8 ? 1 : 8
    let p = w + first * rowBytes
    beside.fetch(beside: first, count, of: rows)
    let offsets = prepare(p, stride, blocks: blocks, bytesPerBlock: F.bytesPerBlock, x, prepared)
    for index in 0..<count {
      let total = multiplyRow(
        format, p + index * rowBytes, blocks: blocks, x, prepared + 4 * index, ahead: 8 * rowBytes + 8192)
      store(total, sums, 8 * index)
    }
    let results = horizontalSums(sums) - offsets
    if count == 8 { store(results, y, first) } else { y[first] = results[0] }
    row += count
  }
}

/// The sums of eight vectors.
@inline(__always) private func horizontalSums(_ p: UnsafePointer<Float>) -> F256 {
  @inline(__always) func four(_ first: Int) -> F256 {
    _mm256_hadd_ps(
      _mm256_hadd_ps(loadFloats(p, 8 * first), loadFloats(p, 8 * first + 8)),
      _mm256_hadd_ps(loadFloats(p, 8 * first + 16), loadFloats(p, 8 * first + 24)))
  }
  let a = four(0), b = four(4)
  return F256(lowHalf: a.lowHalf + a.highHalf, highHalf: b.lowHalf + b.highHalf)
}
