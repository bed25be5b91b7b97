import _Builtin_intrinsics.intel

// Low-rank factors as bytes, made once: what a quantized model's kernels multiply beside its weights. A, which reads a
// layer's input, becomes rows of Q8_0, two blocks of which have the same scale; B, whose rows are short, panels of 16 rows:
//
//   scales [32 columns][row], half-precision
//   codes  [pair of columns][row][2], an odd rank filled up with a zero; rows behind the last are zeros

/// The largest magnitude of a factor's weights.
public func largestMagnitude(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int
) -> Float {
  @inline(__always) func largest<F: FloatFormat>(_ format: F.Type) -> Float {
    var vector = splat(0)
    var rest: Float = 0
    for row in 0..<rows {
      let p = w + row * rowBytes
      var i = 0
      while i + 8 <= columns {
        vector = _mm256_max_ps(vector, magnitude(F.load8(p, i)))
        i += 8
      }
      while i < columns {
        rest = max(rest, abs(F.load1(p, i)))
        i += 1
      }
    }
    return max(rest, largestLane(vector))
  }
  switch type {
  case 0: return largest(F32Format.self)
  case 1: return largest(F16Format.self)
  case 30: return largest(BF16Format.self)
  case 8: return largest(Q8_0Factor.self)
  default: preconditionFailure("no low-rank kernel for tensor type \(type)")
  }
}

/// `factor × w` as Q8_0, a multiple of 32 columns. Each 64 columns share a scale.
public func packFactorRows(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int, factor: Float,
  into blocks: UnsafeMutableRawPointer
) {
  @inline(__always) func pack<F: FloatFormat>(_ format: F.Type) {
    var target = blocks
    for row in 0..<rows {
      let p = w + row * rowBytes
      @inline(__always) func block(_ first: Int) -> Block32 {
        let k = splat(factor)
        return Block32(
          F.load8(p, first) * k, F.load8(p, first + 8) * k, F.load8(p, first + 16) * k,
          F.load8(p, first + 24) * k)
      }
      var first = 0
      while first + 64 <= columns {
        let left = block(first), right = block(first + 32)
        let largest = max(left.largestMagnitude, right.largestMagnitude)
        left.writeQ8(target, largest: largest)
        right.writeQ8(target + 34, largest: largest)
        target += 68
        first += 64
      }
      if first < columns {
        let last = block(first)
        last.writeQ8(target, largest: last.largestMagnitude)
        target += 34
      }
    }
  }
  switch type {
  case 0: pack(F32Format.self)
  case 1: pack(F16Format.self)
  case 30: pack(BF16Format.self)
  default: preconditionFailure("no packing of tensor type \(type)")
  }
}

/// Up to 16 rows of `factor` times a factor of `rank` columns as a panel.
public func packFactorPanel(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, rank: Int, factor: Float,
  into panel: UnsafeMutableRawPointer
) {
  @inline(__always) func pack<F: FloatFormat>(_ format: F.Type) {
    panel.initializeMemory(as: UInt8.self, repeating: 0, count: FactorPanel.byteCount(rank: rank))
    let scales = panel.assumingMemoryBound(to: Float16.self)
    let codes = (panel + FactorPanel.scaleBytes(rank: rank)).assumingMemoryBound(to: Int8.self)
    for row in 0..<rows {
      let p = w + row * rowBytes
      for block in 0..<(rank + 31) / 32 {
        let columns = 32 * block..<min(rank, 32 * block + 32)
        var largest: Float = 0
        for k in columns { largest = max(largest, abs(factor * F.load1(p, k))) }
        let scale = Float16(largest / 127)
        if scale == 0 { continue }
        scales[16 * block + row] = scale
        let inverse = 1 / Float(scale)
        for k in columns {
          // Too small a scale is rounded coarsely: saturate.
          let code = max(-127, min(127, factor * F.load1(p, k) * inverse)).rounded(.toNearestOrEven)
          codes[k / 2 * 32 + 2 * row + k % 2] = Int8(truncatingIfNeeded: Int32(code))
        }
      }
    }
  }
  switch type {
  case 0: pack(F32Format.self)
  case 1: pack(F16Format.self)
  case 30: pack(BF16Format.self)
  case 8: pack(Q8_0Factor.self)
  default: preconditionFailure("no packing of tensor type \(type)")
  }
}

/// The bytes of a panel of 16 rows.
public enum FactorPanel {
  @inlinable public static func scaleBytes(rank: Int) -> Int { (rank + 31) / 32 * 32 }
  @inlinable public static func byteCount(rank: Int) -> Int { scaleBytes(rank: rank) + (rank + 1) / 2 * 32 }
}

/// `factor × h` of some tokens as 16-bit integers with a scale for each 32 columns, `[token][stride]` and
/// `[token][stride / 32]`. Changes the columns of `h` behind `rank`, up to a multiple of 32, to zeros.
public func quantizeHidden(
  _ h: UnsafeMutablePointer<Float>, rank: Int, tokens: Int, stride: Int, factor: Float,
  into codes: UnsafeMutablePointer<Int16>, scales: UnsafeMutablePointer<Float>
) {
  let blocks = (rank + 31) / 32
  for token in 0..<tokens {
    let line = h + token * stride
    for k in rank..<32 * blocks { line[k] = 0 }
    for block in 0..<blocks {
      let values = Block32(line + 32 * block)
      let largest = values.largestMagnitude
      let isTiny = largest < 0x1p-100
      scales[token * (stride / 32) + block] = isTiny ? 0 : factor * (largest / 32767)
      let rounded = values.rounded(center: 0, inverse: isTiny ? 0 : 32767 / largest)
      UnsafeMutableRawPointer(codes + token * stride + 32 * block).storeBytes(
        of: rounded, as: SIMD32<Int16>.self)
    }
  }
}
