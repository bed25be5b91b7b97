import Kernels

/// Values whose norms and differences are wanted.
///
/// Of low-rank products only small Gram matrices are computed: with `Δᵢ = sᵢ BᵢAᵢ`,
/// `⟨Δ₁, Δ₂⟩ = s₁s₂ Σ (B₁ᵀB₂) ⊙ (A₁A₂ᵀ)`, r₁ × r₂ numbers instead of outputs × inputs. Where a rank is so large that those
/// are fewer, as no adapter but a hostile one has it, `Δᵢ` is computed row by row.
enum ComparedValues: Sendable {
  /// A product for each expert, or just one.
  case products([LowRankPair], isEmbedding: Bool)
  case matrix(WeightMatrix)
  /// Rows of these numbers.
  case rows([Int], WeightMatrix)

  var squaredNorm: Double { dot(self) ?? 0 }

  func relativeDifference(from other: ComparedValues) -> Double? {
    guard let product = dot(other) else { return nil }
    let own = squaredNorm, others = other.squaredNorm
    let largest = max(own, others)
    return largest == 0 ? 0 : max(0, own + others - 2 * product).squareRoot() / largest.squareRoot()
  }

  /// The sum of the products of corresponding values; nil: the shapes differ.
  private func dot(_ other: ComparedValues) -> Double? {
    switch (self, other) {
    case (.products(let own, let isEmbedding), .products(let others, let isOther)):
      guard own.count == others.count, isEmbedding == isOther else { return nil }
      var sum = 0.0
      for (first, second) in zip(own, others) {
        guard let product = Self.dot(first, second, isEmbedding) else { return nil }
        sum += product
      }
      return sum
    case (.matrix(let own), .matrix(let others)): return Self.dot(own, others)
    case (.rows(let rows, let own), .rows(let otherRows, let others)):
      return rows == otherRows ? Self.dot(own, others) : nil
    default: return nil
    }
  }

  private static func dot(_ first: WeightMatrix, _ second: WeightMatrix) -> Double? {
    guard first.rows == second.rows, first.columns == second.columns else { return nil }
    return zip(first.dequantized(), second.dequantized()).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }

  private static func dot(_ first: LowRankPair, _ second: LowRankPair, _ isEmbedding: Bool) -> Double? {
    let inputs = isEmbedding ? \WeightMatrix.rows : \WeightMatrix.columns
    guard first.a[keyPath: inputs] == second.a[keyPath: inputs], first.b.rows == second.b.rows else {
      return nil
    }
    let scale = Double(first.effectiveScale(1)) * Double(second.effectiveScale(1))
    if first.rank > first.b.rows || second.rank > second.b.rows {
      return scale * plainDot(first, second, isEmbedding)
    }
    let left = gram(first.b, second.b, overRows: true)
    let right = gram(first.a, second.a, overRows: isEmbedding)
    return scale * zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// The same sum over all entries of `BᵢAᵢ`, one row at a time: O(inputs) memory, O(outputs × inputs × ranks) time.
  private static func plainDot(_ first: LowRankPair, _ second: LowRankPair, _ isEmbedding: Bool) -> Double {
    let inputs = isEmbedding ? first.a.rows : first.a.columns
    let factors = [first, second].map { (a: $0.a.dequantized(), b: $0.b.dequantized(), rank: $0.rank) }
    return (0..<first.b.rows).reduce(0.0) { (sum: Double, row: Int) -> Double in
      let rows = factors.map { factor -> [Double] in
        var product = [Double](repeating: 0, count: inputs)
        for k in 0..<factor.rank {
          let value = Double(factor.b[row * factor.rank + k])
          for n in 0..<inputs {
            product[n] += value * Double(factor.a[isEmbedding ? n * factor.rank + k : k * inputs + n])
          }
        }
        return product
      }
      return zip(rows[0], rows[1]).reduce(sum) { $0 + $1.0 * $1.1 }
    }
  }

  /// `xᵀy` over their rows, or `x·yᵀ` over their columns: one number for each pair of ranks.
  private static func gram(_ x: WeightMatrix, _ y: WeightMatrix, overRows: Bool) -> [Double] {
    let left = x.dequantized(), right = y.dequantized()
    let ranks = overRows ? (x.columns, y.columns) : (x.rows, y.rows)
    var sums = [Double](repeating: 0, count: ranks.0 * ranks.1)
    for n in 0..<(overRows ? x.rows : x.columns) {
      for i in 0..<ranks.0 {
        let value = Double(left[overRows ? n * x.columns + i : i * x.columns + n])
        for j in 0..<ranks.1 {
          sums[i * ranks.1 + j] += value * Double(right[overRows ? n * y.columns + j : j * y.columns + n])
        }
      }
    }
    return sums
  }
}

extension LowRankPair {
  /// Is A one row of `rank` values for each token? The name says so where the shape fits both; without the model nothing else
  /// has looked at the shape.
  func hasEmbeddingShape(isNamedSo: Bool) -> Bool {
    let isLinear = a.rows == rank * expertCount
    return a.columns == rank && (isNamedSo || !isLinear)
  }
}
