import CProcessor
import _Builtin_intrinsics.intel

/// Weights stored as floating-point numbers; activations stay float32.
protocol FloatFormat {
  static var bytes: Int { get }
  /// Weights `index ..< index + 8`.
  static func load8(_ p: UnsafeRawPointer, _ index: Int) -> F256
  static func load1(_ p: UnsafeRawPointer, _ index: Int) -> Float
}

enum F32Format: FloatFormat {
  static var bytes: Int { 4 }
  @inline(__always) static func load8(_ p: UnsafeRawPointer, _ index: Int) -> F256 {
    p.loadUnaligned(fromByteOffset: 4 * index, as: F256.self)
  }
  @inline(__always) static func load1(_ p: UnsafeRawPointer, _ index: Int) -> Float {
    p.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
  }
}

enum F16Format: FloatFormat {
  static var bytes: Int { 2 }
  @inline(__always) static func load8(_ p: UnsafeRawPointer, _ index: Int) -> F256 {
    loadHalves(p, 2 * index)
  }
  @inline(__always) static func load1(_ p: UnsafeRawPointer, _ index: Int) -> Float { half(p, 2 * index) }
}

enum BF16Format: FloatFormat {
  static var bytes: Int { 2 }
  @inline(__always) static func load8(_ p: UnsafeRawPointer, _ index: Int) -> F256 {
    loadBrainHalves(p, 2 * index)
  }
  @inline(__always) static func load1(_ p: UnsafeRawPointer, _ index: Int) -> Float {
    Float(bitPattern: UInt32(p.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)) << 16)
  }
}

/// Q8_0 as numbers: for low-rank factors, whose other side is float32.
enum Q8_0Factor: FloatFormat {
  /// Of a block of 32: a half's scale and the codes.
  private static var blockBytes: Int { 34 }
  static var bytes: Int { preconditionFailure("Q8_0 has blocks") }
  @inline(__always) static func load8(_ p: UnsafeRawPointer, _ index: Int) -> F256 {
    let block = p + (index >> 5) * blockBytes
    let codes = (block + 2 + (index & 31)).loadUnaligned(as: SIMD8<Int8>.self)
    return F256(SIMD8<Float>(codes)) * splat(half(block, 0))
  }
  @inline(__always) static func load1(_ p: UnsafeRawPointer, _ index: Int) -> Float {
    let block = p + (index >> 5) * blockBytes
    return Float((block + 2 + (index & 31)).loadUnaligned(as: Int8.self)) * half(block, 0)
  }
}

/// `rows` rows of float weights times one token.
@inline(__always)
func matVec<F: FloatFormat>(
  _ format: F.Type, _ w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int, _ x: UnsafePointer<Float>,
  _ y: UnsafeMutablePointer<Float>, beside: RowStreams
) {
  let whole = columns & ~31
  for row in 0..<rows {
    let p = w + row * rowBytes
    beside.fetch(beside: row, of: rows)
    var a = splat(0), b = splat(0), c = splat(0), d = splat(0)
    var i = 0
    while i < whole {
      a = fma(F.load8(p, i), loadFloats(x, i), a)
      b = fma(F.load8(p, i + 8), loadFloats(x, i + 8), b)
      c = fma(F.load8(p, i + 16), loadFloats(x, i + 16), c)
      d = fma(F.load8(p, i + 24), loadFloats(x, i + 24), d)
      i += 32
    }
    while i + 8 <= columns {
      a = fma(F.load8(p, i), loadFloats(x, i), a)
      i += 8
    }
    var sum = horizontalSum((a + b) + (c + d))
    while i < columns {
      sum += F.load1(p, i) * x[i]
      i += 1
    }
    y[row] = sum
  }
}
