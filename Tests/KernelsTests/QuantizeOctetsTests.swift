#if arch(x86_64)
  import Kernels
  import KernelsX86V3
  import TestSupport
  import Testing

  /// The 8-bit activations of a single token: eight values share a scale, four from each of two blocks of 32.
  @Suite(.enabled(if: Processor.hasX86V3)) struct QuantizeOctetsTests {
    struct Quantized {
      var codes: [Int8]
      var scales: [Float]
      var sums16: [Float]
      var integerSums: [Int16]
      var integerSumScales: [Float]

      init(_ x: [Float]) {
        codes = [Int8](repeating: 99, count: x.count)
        scales = [Float](repeating: .nan, count: x.count / 8)
        sums16 = [Float](repeating: .nan, count: x.count / 16)
        integerSums = [Int16](repeating: 99, count: x.count / 32)
        integerSumScales = [Float](repeating: .nan, count: x.count / 256)
        quantizeOctets(
          x, count: x.count, into: &codes, scales: &scales, sums16: &sums16, integerSums: &integerSums,
          integerSumScales: &integerSumScales)
      }

      static func octet(of column: Int) -> Int { column / 64 * 8 + column % 32 / 4 }
      func value(_ column: Int) -> Float { scales[Self.octet(of: column)] * Float(codes[column]) }
    }

    enum Values: String, CaseIterable, Sendable {
      case normal, zeros, negativeZeros, outlier, denormal, tiny, large, equal, oneSign

      func list(_ count: Int) -> [Float] {
        var random = SplitMix64(seed: 21)
        return (0..<count).map { i in
          switch self {
          case .normal: random.normal()
          case .zeros: 0
          case .negativeZeros: -0.0
          case .outlier: i == 37 % count ? -1e4 : 1e-3 * random.normal()
          case .denormal: .leastNonzeroMagnitude * Float(i % 100)
          case .tiny: 1e-30 * random.normal()
          case .large: 1e30 * random.normal()
          case .equal: -0.7
          case .oneSign: 5 + random.uniform()
          }
        }
      }
    }

    /// What is less than this becomes zero: its scale would have no inverse.
    static let smallestReach: Float = 1e-36

    @Test(arguments: Values.allCases, [256, 1536, 8960])
    func errsByHalfAStep(_ values: Values, _ count: Int) {
      let x = values.list(count), found = Quantized(x)
      for column in x.indices {
        let first = column / 64 * 64 + column % 32 / 4 * 4
        let octet = (0..<4).flatMap { [first + $0, first + 32 + $0] }
        let reach = octet.map { abs(x[$0]) }.max()!
        let error = abs(found.value(column) - x[column])
        #expect(error <= reach / 254 * (1 + 1e-4) + Self.smallestReach, "\(column)")
        // The whole range is used: the largest of eight is ±127.
        if abs(x[column]) == reach, reach > Self.smallestReach { #expect(abs(found.codes[column]) == 127) }
      }
    }

    /// One outlier costs the other values of its eight their precision, and no others.
    @Test func anOutlierStaysInItsOctet() {
      var x = Values.normal.list(256)
      let before = Quantized(x)
      x[70] = 1e6
      let after = Quantized(x)
      for column in x.indices where Quantized.octet(of: column) != Quantized.octet(of: 70) {
        #expect(after.value(column) == before.value(column))
      }
      #expect(after.codes[70] == 127)
      #expect(after.codes[68] == 0 && after.codes[100] == 0)
    }

    @Test(arguments: Values.allCases, [256, 1536])
    func sumsAreThoseOfTheRoundedValues(_ values: Values, _ count: Int) {
      let x = values.list(count), found = Quantized(x)
      let rounded = (0..<count).map(found.value)
      func sum(_ columns: Range<Int>) -> Float { rounded[columns].reduce(0, +) }
      for block in 0..<count / 16 {
        let columns = 16 * block..<16 * block + 16
        let size = rounded[columns].map { abs($0) }.reduce(0, +)
        #expect(abs(found.sums16[block] - sum(columns)) <= 1e-5 * size)
      }
      for block in 0..<count / 256 {
        let columns = (8 * block..<8 * block + 8).map { 32 * $0..<32 * $0 + 32 }
        let largest = columns.map { abs(sum($0)) }.max()!
        let size = columns.map { rounded[$0].map { abs($0) }.reduce(0, +) }.max()!
        for (index, columns) in columns.enumerated() {
          let integer = found.integerSumScales[block] * Float(found.integerSums[8 * block + index])
          #expect(abs(integer - sum(columns)) <= largest / 65534 + 1e-5 * size + Self.smallestReach)
        }
      }
    }
  }
#endif
