import CProcessor
import _Builtin_intrinsics.intel

// Decode with 16-bit activations: one token against rows of packed weights, read once, straight from the mapped file.

/// One token's activations as `quantize16` writes them.
struct Activations16 {
  let codes: UnsafePointer<Int16>
  let scales: UnsafePointer<Float>
  let sums32: UnsafePointer<Float>
  let sums16: UnsafePointer<Float>
}

/// Σ code × x over 32 weights, left in eight 32-bit lanes; lanes 0–3 hold weights 0–15, lanes 4–7 weights 16–31.
///
/// Bound: 128 × 32767 × 4 < 2³¹.
@inline(__always)
private func dot32<F: CodeFormat>(_ format: F.Type, _ codes: I256, _ x: UnsafePointer<Int16>) -> I256 {
  let even = _mm256_madd_epi16(evenCodes(codes, signed: F.signedCodes), load256(x))
  return _mm256_add_epi32(even, _mm256_madd_epi16(oddCodes(codes, signed: F.signedCodes), load256(x, 32)))
}

/// Float sums of one row, in two chains so that neither waits for the other.
private struct RowSums {
  var even = splat(0)
  var odd = splat(0)

  @inline(__always) mutating func add(_ index: Int, _ lanes: F256, _ scale: F256) {
    if index & 1 == 0 { even = fma(lanes, scale, even) } else { odd = fma(lanes, scale, odd) }
  }
}

/// First pass over a row: `factors` receives weight scale × activation scale of every 32 weights; returns Σ offset × sum of x.
///
/// A pass of its own, so that the second one broadcasts scales from memory, which costs no arithmetic, instead of taking
/// vectors apart.
@inline(__always)
private func scaleRow<F: CodeFormat>(
  _ format: F.Type, _ row: UnsafeRawPointer, blocks: Int, _ x: Activations16,
  _ factors: UnsafeMutablePointer<Float>
) -> F256 {
  var offset = splat(0)
  if F.weightsPerBlock == 256 {
    for block in 0..<blocks {
      let b = row + block * F.bytesPerBlock
      if F.needsOffsets(.unsigned8) {
        offset = fma(F.groupOffsets(b), loadFloats(x.sums32, 8 * block), offset)
      }
      store(F.scales(b) * loadFloats(x.scales, 8 * block), factors, 8 * block)
    }
    return offset
  }
  var block = 0
  while block + 8 <= blocks {
    let b = row + block * F.bytesPerBlock
    store(F.scalesOfEight(b) * loadFloats(x.scales, block), factors, block)
    if F.needsOffsets(.unsigned8) {
      offset = fma(F.groupOffsetsOfEight(b), loadFloats(x.sums32, block), offset)
    }
    block += 8
  }
  while block < blocks {
    let b = row + block * F.bytesPerBlock
    factors[block] = F.scales(b)[0] * x.scales[block]
    if F.needsOffsets(.unsigned8) { offset[0] += F.groupOffsets(b)[0] * x.sums32[block] }
    block += 1
  }
  return offset
}

/// How far ahead of the present block weights are fetched, into the second-level cache: the first has room for long rows
/// of activations, or for weights that wait, but not for both. The processor's own prefetching ends with each page.
private let prefetchDistance = 8192

/// Second pass: Σ factor × integer products.
@inline(__always)
private func multiplyRow<F: CodeFormat>(
  _ format: F.Type, _ row: UnsafeRawPointer, blocks: Int, _ x: Activations16, _ factors: UnsafePointer<Float>
) -> F256 {
  var sums = RowSums()
  let perBlock = F.subBlocksPerBlock
  @inline(__always) func step(_ block: Int, _ parity: Int) {
    let b = row + block * F.bytesPerBlock
    mullama_prefetch_far(b + prefetchDistance)
    if F.bytesPerBlock > 64 { mullama_prefetch_far(b + prefetchDistance + 64) }
    if F.bytesPerBlock > 128 { mullama_prefetch_far(b + prefetchDistance + 128) }
    if F.bytesPerBlock > 192 { mullama_prefetch_far(b + prefetchDistance + 192) }
    let q = x.codes + F.weightsPerBlock * block
    let scales = factors + block * perBlock
    F.forEachSubBlock(b) { index, codes in
      let lanes = toFloat(dot32(format, codes, q + 32 * index))
      sums.add(perBlock == 1 ? parity : index, lanes, splat(scales[index]))
    }
  }
  var block = 0
  while perBlock == 1, block + 2 <= blocks {
    step(block, 0)
    step(block + 1, 1)
    block += 2
  }
  while block < blocks {
    step(block, 0)
    block += 1
  }
  return sums.even + sums.odd
}

/// `rows` rows of packed weights times one token: `y[row] = w[row] · x`. Scratch: a float for each 32 columns.
///
/// For formats whose scales each belong to 32 weights.
@inline(never)
func matVec<F: CodeFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int, _ x: Activations16,
  _ y: UnsafeMutablePointer<Float>, beside: RowStreams, scratch: UnsafeMutableRawPointer
) {
  let blocks = columns / F.weightsPerBlock
  let factors = scratch.assumingMemoryBound(to: Float.self)
  for row in 0..<rows {
    let p = w + row * rowBytes
    beside.fetch(beside: row, of: rows)
    let offset = scaleRow(format, p, blocks: blocks, x, factors)
    y[row] = horizontalSum(offset + multiplyRow(format, p, blocks: blocks, x, factors))
  }
}
