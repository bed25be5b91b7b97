import _Builtin_intrinsics.intel

// Powers of two, and the softmax over blocks that is made of them.

/// log₂ e
let log2e: Float = 1.442_695_04

/// 2^x in eight lanes for x ≤ 0, within 2 units in the last place; exactly 0 from −127 down, −∞ included.
///
/// x = n + r with |r| ≤ 1/2; n is rounded by adding 1.5 × 2²³, which leaves it in the low bits. 2^r is 1 + r times a
/// polynomial of degree 4 (least relative error, 1e-7), then n is added to the exponent bits. At −127 r is 0 and the
/// polynomial exactly 1, so that all bits become 0.
@inline(__always)
func powerOfTwo(_ x: F256) -> F256 {
  let clamped = _mm256_max_ps(x, splat(-127))
  let shifted = clamped + splat(12_582_912)
  let r = clamped - (shifted - splat(12_582_912))
  var p = splat(1.326_472_73e-3)
  p = fma(p, r, splat(9.671_512_99e-3))
  p = fma(p, r, splat(5.550_733_58e-2))
  p = fma(p, r, splat(2.402_224_24e-1))
  p = fma(p, r, splat(6.931_470_04e-1))
  p = fma(p, r, splat(1))
  return floats(_mm256_add_epi32(bits(p), _mm256_slli_epi32(bits(shifted), 23)))
}

/// Turns `count` scores of one row, in units of ln 2, into weights 2^(score − maximum): 0 for those outside of
/// `hidden ..< visible` and for scores of −∞. Updates the row's maximum and sum. The line is written up to a multiple
/// of 16.
///
/// - Returns: what the row's results so far must be multiplied with; the sum already has been.
@inline(__always)
func softmax(
  _ line: UnsafeMutablePointer<Float>, hidden: Int, visible: Int, count: Int, maximum: inout Float,
  sum: inout Float
) -> Float {
  let whole = (count + 15) & ~15
  var i = 0
  while i < hidden {
    line[i] = -.infinity
    i += 1
  }
  i = visible
  while i < whole {
    line[i] = -.infinity
    i += 1
  }
  var even = splat(-.infinity), odd = splat(-.infinity)
  i = 0
  while i < whole {
    even = _mm256_max_ps(even, loadFloats(line, i))
    odd = _mm256_max_ps(odd, loadFloats(line, i + 8))
    i += 16
  }
  let largest = max(maximum, _mm256_max_ps(even, odd).max())
  if largest == -.infinity {
    for i in 0..<whole { line[i] = 0 }
    return 1
  }
  let offset = splat(largest)
  even = splat(0)
  odd = splat(0)
  i = 0
  while i < whole {
    let a = powerOfTwo(loadFloats(line, i) - offset)
    let b = powerOfTwo(loadFloats(line, i + 8) - offset)
    store(a, line, i)
    store(b, line, i + 8)
    even = even + a
    odd = odd + b
    i += 16
  }
  let correction = maximum == largest ? 1 : powerOfTwo(splat(maximum) - offset)[0]
  sum = sum * correction + horizontalSum(even + odd)
  maximum = largest
  return correction
}

/// `x = softcap × tanh(x / softcap)` in units of ln 2, of scores that come as 2 log₂ e / softcap of themselves, so that
/// tanh = 1 − 2 / (2^x + 1). For |x| beyond 60, tanh is ±1.
@inline(__always)
func squash(_ x: UnsafeMutablePointer<Float>, count: Int, _ softcap: Float) {
  let cap = splat(softcap * log2e)
  var i = 0
  while i < count {
    // 2^−|x|, and the sign after.
    let v = loadFloats(x, i)
    let sign = _mm256_and_ps(v, splat(-0.0))
    let e = powerOfTwo(_mm256_or_ps(v, splat(-0.0)))
    store(_mm256_or_ps(cap * ((splat(1) - e) / (splat(1) + e)), sign), x, i)
    i += 8
  }
}

/// Merges what `attend` left for `parts` ranges of positions, `[part][row][headSize + 2]`, into `out`: row
/// `token × heads + head` at `token × stride + head × headSize`. In order of the parts, so that the result does not
/// depend on who computed which.
public func mergeAttention(
  _ partials: UnsafePointer<Float>, parts: Int, tokens: Int, heads: Int, headSize: Int,
  into out: UnsafeMutablePointer<Float>, stride: Int
) {
  let record = headSize + 2, rows = tokens * heads
  for token in 0..<tokens {
    for head in 0..<heads {
      let first = partials + (token * heads + head) * record
      let target = out + token * stride + head * headSize
      var largest = -Float.infinity
      for part in 0..<parts { largest = max(largest, first[part * rows * record + headSize]) }
      for i in 0..<headSize { target[i] = 0 }
      if largest == -.infinity { continue }
      var sum: Float = 0
      for part in 0..<parts {
        let source = first + part * rows * record
        let factor = powerOfTwo(splat(source[headSize] - largest))
        sum += factor[0] * source[headSize + 1]
        var i = 0
        while i + 8 <= headSize {
          store(fma(loadFloats(source, i), factor, loadFloats(target, i)), target, i)
          i += 8
        }
        while i < headSize {
          target[i] += source[i] * factor[0]
          i += 1
        }
      }
      let inverse = 1 / sum
      for i in 0..<headSize { target[i] *= inverse }
    }
  }
}
