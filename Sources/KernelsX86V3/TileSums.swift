/// The sums of 16 rows × `Tokens` tokens: rows 0–7 in `low`, 8–15 in `high`.
struct TileSums<let Tokens: Int> {
  var low = InlineArray<Tokens, F256>(repeating: splat(0))
  var high = InlineArray<Tokens, F256>(repeating: splat(0))

  // The compiler's own is not always inlined.
  @inline(__always) init() {}

  /// Of 16 rows, one token after the other.
  @inline(__always) init(_ made: UnsafePointer<Float>) {
    for t in 0..<Tokens {
      low[t] = loadFloats(made, 16 * t)
      high[t] = loadFloats(made, 16 * t + 8)
    }
  }

  /// Multiplies each row with its value of 16.
  @inline(__always) mutating func multiply(_ vector: UnsafePointer<Float>) {
    let first = loadFloats(vector), second = loadFloats(vector, 8)
    for t in 0..<Tokens {
      low[t] = low[t] * first
      high[t] = high[t] * second
    }
  }

  /// Adds to each token's first `rows` rows their values.
  @inline(__always) mutating func add(_ values: UnsafePointer<Float>, rows: Int) {
    if rows == 16 {
      let first = loadFloats(values), second = loadFloats(values, 8)
      for t in 0..<Tokens {
        low[t] = low[t] + first
        high[t] = high[t] + second
      }
    } else {
      for row in 0..<rows {
        for t in 0..<Tokens {
          if row < 8 { low[t][row] += values[row] } else { high[t][row - 8] += values[row] }
        }
      }
    }
  }

  /// Writes, or adds to, `rows` of the 16 rows at `y[token × stride + row]`.
  @inline(__always)
  func write(_ y: UnsafeMutablePointer<Float>, stride: Int, rows: Int, adding: Bool) {
    for t in 0..<Tokens {
      let target = y + t * stride
      if rows == 16 {
        store(adding ? loadFloats(target) + low[t] : low[t], target)
        store(adding ? loadFloats(target, 8) + high[t] : high[t], target, 8)
      } else {
        for row in 0..<rows {
          let sum = row < 8 ? low[t][row] : high[t][row - 8]
          target[row] = adding ? target[row] + sum : sum
        }
      }
    }
  }
}
