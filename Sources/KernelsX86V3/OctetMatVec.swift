import CProcessor
import _Builtin_intrinsics.intel

// Decode with 8-bit activations: one token against rows of packed weights, read once, straight from the mapped file.

/// How far ahead of the present block weights are fetched, as in `MatVec.swift`.
private let prefetchDistance = 8192

@inline(__always) func fetchBlock(_ p: UnsafeRawPointer, bytes: Int) {
  mullama_prefetch_far(p)
  if bytes > 64 { mullama_prefetch_far(p + 64) }
  if bytes > 128 { mullama_prefetch_far(p + 128) }
  if bytes > 192 { mullama_prefetch_far(p + 192) }
}

/// Σ scale × code × x over two sub-blocks, in eight lanes of eight columns each.
///
/// Bounds: 63 × 127 × 2 < 2¹⁵; times a scale of 128 × 256 and four of them less than 2³¹.
@inline(__always)
func pairProducts<F: CodeFormat>(
  _ format: F.Type, _ b: UnsafeRawPointer, _ index: Int, _ x: OctetActivations, _ scales: (I256, I256)
) -> F256 {
  let first = _mm256_maddubs_epi16(F.codes(b, 2 * index), x.subBlock(2 * index))
  let second = _mm256_maddubs_epi16(F.codes(b, 2 * index + 1), x.subBlock(2 * index + 1))
  return toFloat(
    _mm256_add_epi32(_mm256_madd_epi16(first, scales.0), _mm256_madd_epi16(second, scales.1)))
}

/// Which bytes of sixteen scales the 16-bit lanes of each sub-block take: the high half of a lane, which is × 256.
private func storeScaleMasks(_ p: UnsafeMutableRawPointer) {
  for index in 0..<8 {
    let first = 0x0100_0100_0100_0100 &* Int64(2 * index) | 0x0080_0080_0080_0080
    let second = first + 0x0100_0100_0100_0100
    (p + 32 * index).storeBytes(of: SIMD4(first, first, second, second), as: I256.self)
  }
}

/// `rows` rows of packed weights times one token: `y[row] = w[row] · x`. Scratch: 256 bytes.
///
/// Masks are read from scratch memory, because the compiler would keep constants in registers that it does not have. Four
/// sums a block go straight into two chains: when one block's sums waited for each other and for the unit, the processor
/// ran out of room for the next block's instructions.
@inline(never)
func matVecOctets<F: ByteScaleFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int,
  _ activations: OctetActivations,
  _ y: UnsafeMutablePointer<Float>, beside: RowStreams, scratch: UnsafeMutableRawPointer
) {
  storeScaleMasks(scratch)
  mullama_in_order()
  let masks = UnsafeRawPointer(scratch)
  for row in 0..<rows {
    beside.fetch(beside: row, of: rows)
    var total = splat(0), other = splat(0), offset = splat(0)
    for block in 0..<columns / 256 {
      let b = w + row * rowBytes + block * F.bytesPerBlock
      fetchBlock(b + prefetchDistance, bytes: F.bytesPerBlock)
      let x = activations.advanced(columns: 256 * block)
      let scales = F.byteScales(b)
      @inline(__always) func product(_ index: Int) -> F256 {
        let first = _mm256_shuffle_epi8(scales, load256(masks, 64 * index))
        let second = _mm256_shuffle_epi8(scales, load256(masks, 64 * index + 32))
        return pairProducts(format, b, index, x, (first, second))
      }
      let unit = F.unit(b)
      total = fma(product(0), x.pairScales(0) * unit, total)
      other = fma(product(1), x.pairScales(1) * unit, other)
      total = fma(product(2), x.pairScales(2) * unit, total)
      other = fma(product(3), x.pairScales(3) * unit, other)
      offset = F.addOffsets(b, scales, x, unit, offset)
    }
    y[row] = horizontalSum((total + other) * 0x1p-8 - offset * F.offsetFactor)
  }
}
