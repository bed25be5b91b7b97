import _Builtin_intrinsics.intel

/// e^x in eight lanes, within 2 units in the last place; x is clamped to what a float can hold.
///
/// x = n ln 2 + r with |r| ≤ ln 2 / 2, a degree-6 polynomial for e^r (Cephes `expf` coefficients), then 2ⁿ
/// by adding to the exponent bits.
@inline(__always)
func exponential(_ x: F256) -> F256 {
  let clamped = _mm256_max_ps(_mm256_min_ps(x, splat(88.0)), splat(-87.3))
  let n = _mm256_cvtps_epi32(clamped * splat(1.442_695_04))
  let nf = toFloat(n)
  var r = _mm256_fnmadd_ps(nf, splat(0.693_359_375), clamped)
  r = _mm256_fnmadd_ps(nf, splat(-2.121_944_40e-4), r)
  var p = splat(1.987_569_15e-4)
  p = fma(p, r, splat(1.398_199_95e-3))
  p = fma(p, r, splat(8.333_451_9e-3))
  p = fma(p, r, splat(4.166_579_6e-2))
  p = fma(p, r, splat(1.666_666_55e-1))
  p = fma(p, r, splat(5.000_000_1e-1))
  p = fma(p, r * r, r + splat(1))
  return floats(_mm256_add_epi32(bits(p), _mm256_slli_epi32(n, 23)))
}

@inline(__always) private func sigmoid(_ x: F256) -> F256 { splat(1) / (splat(1) + exponential(-x)) }

/// `y = x / √(mean(x²) + epsilon) × weight`. Source: Zhang & Sennrich 2019.
public func rmsNorm(
  _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, count: Int, epsilon: Float,
  into y: UnsafeMutablePointer<Float>
) {
  var a = splat(0), b = splat(0)
  var i = 0
  while i + 16 <= count {
    let u = loadFloats(x, i), v = loadFloats(x, i + 8)
    a = fma(u, u, a)
    b = fma(v, v, b)
    i += 16
  }
  var sum = horizontalSum(a + b)
  while i < count {
    sum += x[i] * x[i]
    i += 1
  }
  let scale = 1 / (sum / Float(count) + epsilon).squareRoot()
  i = 0
  while i + 8 <= count {
    store(loadFloats(x, i) * splat(scale) * loadFloats(weight, i), y, i)
    i += 8
  }
  while i < count {
    y[i] = x[i] * scale * weight[i]
    i += 1
  }
}

/// `gate = silu(gate) × up`. Source: Shazeer 2020, SwiGLU.
public func siluMultiply(_ gate: UnsafeMutablePointer<Float>, _ up: UnsafePointer<Float>, count: Int) {
  var i = 0
  while i + 8 <= count {
    let g = loadFloats(gate, i)
    store(g * sigmoid(g) * loadFloats(up, i), gate, i)
    i += 8
  }
  while i < count {
    let g = gate[i]
    gate[i] = (splat(g) * sigmoid(splat(g)))[0] * up[i]
    i += 1
  }
}

/// `y += scale × x`.
public func addScaled(
  _ x: UnsafePointer<Float>, scale: Float, count: Int, to y: UnsafeMutablePointer<Float>
) {
  var i = 0
  while i + 8 <= count {
    store(fma(loadFloats(x, i), splat(scale), loadFloats(y, i)), y, i)
    i += 8
  }
  while i < count {
    y[i] += scale * x[i]
    i += 1
  }
}

/// Rounds to half precision, to nearest even.
public func toHalves(_ x: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<UInt16>) {
  let target = UnsafeMutableRawPointer(y)
  var i = 0
  while i + 8 <= count {
    let halves = SIMD8<Float16>(loadFloats(x, i))
    target.storeBytes(of: halves, toByteOffset: 2 * i, as: SIMD8<Float16>.self)
    i += 8
  }
  while i < count {
    target.storeBytes(of: Float16(x[i]), toByteOffset: 2 * i, as: Float16.self)
    i += 1
  }
}

/// `x[i] = e^(x[i] − maximum)`; returns the sum.
@inline(__always)
func exponentials(_ x: UnsafeMutablePointer<Float>, count: Int, minus maximum: Float) -> Float {
  var total = splat(0)
  var i = 0
  while i + 8 <= count {
    let e = exponential(loadFloats(x, i) - splat(maximum))
    store(e, x, i)
    total = total + e
    i += 8
  }
  var sum = horizontalSum(total)
  while i < count {
    let e = exponential(splat(x[i] - maximum))[0]
    x[i] = e
    sum += e
    i += 1
  }
  return sum
}

@inline(__always)
func maximum(_ x: UnsafePointer<Float>, count: Int) -> Float {
  var result = -Float.infinity
  var i = 0
  if count >= 8 {
    var m = loadFloats(x)
    i = 8
    while i + 8 <= count {
      m = _mm256_max_ps(m, loadFloats(x, i))
      i += 8
    }
    result = m.max()
  }
  while i < count {
    result = max(result, x[i])
    i += 1
  }
  return result
}

/// `y = x ⊙ y`
public func multiplyElements(_ x: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<Float>) {
  var i = 0
  while i + 8 <= count {
    store(loadFloats(x, i) * loadFloats(y, i), y, i)
    i += 8
  }
  while i < count {
    y[i] *= x[i]
    i += 1
  }
}
