import _Builtin_intrinsics.intel

// Decode: one token's activations against rows of packed weights, read once, straight from the mapped file.

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
private func dot32(_ codes: I256, signed: Bool, _ x: UnsafePointer<Int16>) -> I256 {
  let even: I256, odd: I256
  if signed {
    even = _mm256_srai_epi16(_mm256_slli_epi16(codes, 8), 8)
    odd = _mm256_srai_epi16(codes, 8)
  } else {
    even = _mm256_and_si256(codes, splat16(0x00FF))
    odd = _mm256_srli_epi16(codes, 8)
  }
  return _mm256_add_epi32(
    _mm256_madd_epi16(even, load256(x)), _mm256_madd_epi16(odd, load256(x, 32)))
}

/// One row times one token.
@inline(__always)
private func dotRow<F: CodeFormat>(
  _ format: F.Type, _ row: UnsafeRawPointer, blocks: Int, _ x: Activations16
) -> Float {
  var even = splat(0), odd = splat(0), offset = splat(0)
  if F.weightsPerBlock == 32 {
    var scalarOffset: Float = 0
    for block in 0..<blocks {
      let b = row + block * F.bytesPerBlock
      let lanes = toFloat(dot32(F.codes(b, 0), signed: F.signedCodes, x.codes + 32 * block))
      even = fma(lanes, splat(F.scales(b)[0] * x.scales[block]), even)
      if F.hasOffset { scalarOffset += F.offsets(b)[0] * x.sums32[block] }
    }
    return horizontalSum(even) + scalarOffset
  }
  for block in 0..<blocks {
    let b = row + block * F.bytesPerBlock
    let q = x.codes + 256 * block
    let xScales = loadFloats(x.scales, 8 * block)
    if F.groupsOf16 {
      if F.hasOffset {
        offset = fma(F.offsets(b), loadFloats(x.sums16, 16 * block), offset)
        offset = fma(F.upperOffsets(b), loadFloats(x.sums16, 16 * block + 8), offset)
      }
      let low = F.scales(b), high = F.upperScales(b)
      for j in 0..<4 {
        let scales = splatHalves(low[2 * j], low[2 * j + 1]) * xScales[j]
        let lanes = toFloat(dot32(F.codes(b, j), signed: F.signedCodes, q + 32 * j))
        if j & 1 == 0 { even = fma(lanes, scales, even) } else { odd = fma(lanes, scales, odd) }
      }
      for j in 0..<4 {
        let scales = splatHalves(high[2 * j], high[2 * j + 1]) * xScales[4 + j]
        let lanes = toFloat(dot32(F.codes(b, 4 + j), signed: F.signedCodes, q + 128 + 32 * j))
        if j & 1 == 0 { even = fma(lanes, scales, even) } else { odd = fma(lanes, scales, odd) }
      }
    } else {
      if F.hasOffset { offset = fma(F.offsets(b), loadFloats(x.sums32, 8 * block), offset) }
      let scales = F.scales(b) * xScales
      for j in 0..<8 {
        let lanes = toFloat(dot32(F.codes(b, j), signed: F.signedCodes, q + 32 * j))
        if j & 1 == 0 {
          even = fma(lanes, splat(scales[j]), even)
        } else {
          odd = fma(lanes, splat(scales[j]), odd)
        }
      }
    }
  }
  return horizontalSum(even + odd + offset)
}

/// `rows` rows of packed weights times one token: `y[row] = w[row] · x`.
@inline(__always)
func matVec<F: CodeFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int, _ x: Activations16,
  _ y: UnsafeMutablePointer<Float>
) {
  let blocks = columns / F.weightsPerBlock
  for row in 0..<rows {
    y[row] = dotRow(format, w + row * rowBytes, blocks: blocks, x)
  }
}
