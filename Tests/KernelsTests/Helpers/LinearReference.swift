import GGUF
import Kernels

/// `W·x` in double precision over the dequantized weights, and how far a kernel may be off.
///
/// Smaller shapes are prefixes: the first `r` rows and `t` tokens of one reference serve them all.
struct LinearReference {
  /// How a kernel stores activations.
  enum Precision { case float, int16, int8, int8Pairs, int8Octets }

  let type: TensorType
  let rows: Int
  let columns: Int
  let tokens: Int
  /// `[token][row]`
  private(set) var exact: [Double] = []
  private var floatBounds: [Double] = []
  private var bounds16: [Double] = []
  private var bounds8: [Double] = []
  private var variances8: [Double] = []
  // A scale for 64 values.
  private var boundsPairs: [Double] = []
  private var variancesPairs: [Double] = []
  // A scale for eight values.
  private var boundsOctets: [Double] = []
  private var variancesOctets: [Double] = []

  /// What the table's kernels round activations to. The fast kernels read float weights exactly, one token at
  /// 16 bits (K formats: 8 bits with a scale for eight values, except those that x86-64-v4 has lanes for), and more at 8 bits unless, on x86-64-v3, the weights' own codes are signed bytes. On x86-64-v4, formats with
  /// integer scales read 8 bits with a scale for 64 values; up to eight tokens have better ones, with the same bound here.
  static func precision(_ table: TableName, _ type: TensorType, tokens: Int) -> Precision {
    guard table.isFast else { return .float }
    switch type {
    case .q8_0, .iq4_nl, .iq4_xs: return tokens == 1 || table == .x86V3 ? .int16 : .int8
    case .q4_0, .q4_1, .q5_0, .q5_1: return tokens == 1 ? .int16 : .int8
    case .q2_K, .q3_K:
      return tokens == 1 ? .int8Octets : .int8Pairs
    case .q4_K, .q5_K, .q6_K:
      return tokens == 1 ? (table == .x86V3 ? .int8Octets : .int16) : .int8Pairs
    default: return .float
    }
  }

  init(_ weight: WeightMatrix, _ x: Matrix, tokens: Int) {
    type = weight.type
    rows = weight.rows
    columns = weight.columns
    self.tokens = tokens
    let blocks = (columns + 31) / 32
    let w = weight.dequantized()
    var sums = [Double](repeating: 0, count: rows * blocks), squares = sums, largest = sums
    for row in 0..<rows {
      for column in 0..<columns {
        let value = Double(w[row * columns + column]), at = row * blocks + column / 32
        sums[at] += abs(value)
        squares[at] += value * value
        largest[at] = max(largest[at], abs(value))
      }
    }
    for token in 0..<tokens {
      let line = x.values(row: token)
      var step16 = [Double](repeating: 0, count: blocks), step8 = step16, stepPairs = step16, reach = step16
      for block in 0..<blocks {
        let part = line[32 * block..<min(columns, 32 * block + 32)].map(Double.init)
        let low = part.min()!, high = part.max()!
        reach[block] = max(high, -low)
        step16[block] = reach[block] / 32767
        step8[block] = (high - low) / 254
        let pair = line[64 * (block / 2)..<min(columns, 64 * (block / 2) + 64)]
        stepPairs[block] = Double(pair.max()! - pair.min()!) / 254
      }
      let octetSteps = Self.octetSteps(line)
      for row in 0..<rows {
        var sum = 0.0, halfOctets = 0.0, varianceOctets = 0.0
        for column in 0..<columns {
          let weight = Double(w[row * columns + column]), step = octetSteps[column]
          sum += weight * Double(line[column])
          halfOctets += abs(weight) * step / 2
          varianceOctets += weight * weight * step * step / 12
        }
        exact.append(sum)
        var float = 0.0, half16 = 0.0, half8 = 0.0, variance = 0.0
        var halfPairs = 0.0, variancePairs = 0.0
        for block in 0..<blocks {
          let at = row * blocks + block
          // Float32 sums. Integer codes come with an offset that they partly cancel (Q6_K: code − 32), and the two are
          // summed apart: together less than 8 times the block's largest weight, for codes that are not all equal.
          float += 8 * largest[at] * 32 * reach[block]
          // Rounding an activation moves it by half a step at most.
          half16 += sums[at] * step16[block] / 2
          // Sums of 32, for minima, are rounded to 16 bits of the largest among eight; minima are less than 8 weights.
          let largestReach = reach[block & ~7..<min(blocks, (block & ~7) + 8)].max()!
          halfOctets += 8 * largest[at] * 32 * largestReach / 65534
          half8 += sums[at] * step8[block] / 2
          halfPairs += sums[at] * stepPairs[block] / 2
          // … and by step/√12 in the mean square, independently of the others.
          variance += squares[at] * step8[block] * step8[block] / 12
          variancePairs += squares[at] * stepPairs[block] * stepPairs[block] / 12
        }
        // A lane adds columns / 8 products one after the other, each rounding by 2⁻²⁴ of the sum so far.
        floatBounds.append(float * Double(columns / 8 + 16) * 0x1p-24 / 8 + 1e-30)
        bounds16.append(half16)
        bounds8.append(half8)
        variances8.append(variance)
        boundsOctets.append(halfOctets)
        variancesOctets.append(varianceOctets)
        boundsPairs.append(halfPairs)
        variancesPairs.append(variancePairs)
      }
    }
  }

  /// The step of every column: of the largest of four columns and the four that are 32 further on.
  private static func octetSteps(_ line: [Float]) -> [Double] {
    var steps = [Double](repeating: 0, count: line.count)
    for column in line.indices {
      let first = column / 64 * 64 + column % 32 / 4 * 4
      let octet = (first..<first + 4).map { $0 } + (first + 32..<first + 36).map { $0 }
      let reach = octet.filter { $0 < line.count }.map { abs(Double(line[$0])) }.max()!
      steps[column] = reach / 127
    }
    return steps
  }

  func bound(token: Int, row: Int, _ precision: Precision) -> Double {
    let at = token * rows + row
    return switch precision {
    case .float: floatBounds[at]
    case .int16: floatBounds[at] + bounds16[at]
    case .int8: floatBounds[at] + bounds8[at]
    case .int8Pairs: floatBounds[at] + boundsPairs[at]
    case .int8Octets: floatBounds[at] + boundsOctets[at]
    }
  }

  /// The largest error of a result as a part of what is allowed: at most 1 is right. NaN counts as infinite.
  func worst(_ output: Matrix, tokens: Int, _ precision: Precision) -> Double {
    var worst = 0.0
    for token in 0..<tokens {
      output.withRow(token) { line in
        for row in 0..<line.count {
          let error =
            abs(Double(line[row]) - exact[token * rows + row]) / bound(token: token, row: row, precision)
          worst = max(worst, error.isNaN ? .infinity : error)
        }
      }
    }
    return worst
  }

  /// Root of the mean squared error over that which rounding to 8 bits predicts.
  func rootMeanSquare8(_ output: Matrix, tokens: Int, _ precision: Precision) -> Double {
    let variances =
      switch precision {
      case .int8Pairs: variancesPairs
      case .int8Octets: variancesOctets
      default: variances8
      }
    var found = 0.0, predicted = 0.0
    for token in 0..<tokens {
      for row in 0..<output.columns {
        let error = Double(output[token, row]) - exact[token * rows + row]
        found += error * error
        predicted += variances[token * rows + row]
      }
    }
    return (found / predicted).squareRoot()
  }
}
