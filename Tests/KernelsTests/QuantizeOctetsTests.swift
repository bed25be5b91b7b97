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
      var sums32: [Float]
      var sums16: [Float]
      var integerSums: [Int16]
      var integerSumScales: [Float]

      init(_ x: [Float]) {
        let blocks = (x.count + 63) / 64
        codes = [Int8](repeating: 99, count: 64 * blocks)
        scales = [Float](repeating: .nan, count: 8 * blocks)
        sums32 = [Float](repeating: .nan, count: 2 * blocks)
        sums16 = [Float](repeating: .nan, count: 4 * blocks)
        integerSums = [Int16](repeating: 0, count: 2 * blocks)
        integerSumScales = [Float](repeating: .nan, count: blocks)
        quantizeOctets(
          x, count: x.count, into: &codes, scales: &scales, sums32: &sums32, sums16: &sums16,
          integerSums: &integerSums, integerSumScales: &integerSumScales)
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

    @Test(arguments: Values.allCases, [32, 64, 96, 256, 1536, 8960])
    func errsByHalfAStep(_ values: Values, _ count: Int) {
      let x = values.list(count), found = Quantized(x)
      for column in x.indices {
        let first = column / 64 * 64 + column % 32 / 4 * 4
        let octet = (0..<4).flatMap { [first + $0, first + 32 + $0] }.filter { $0 < count }
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

    @Test(arguments: Values.allCases, [32, 96, 256, 1536])
    func sumsAreThoseOfTheRoundedValues(_ values: Values, _ count: Int) {
      let x = values.list(count), found = Quantized(x)
      for (width, sums) in [(16, found.sums16), (32, found.sums32)] {
        for block in 0..<count / width {
          let list = (width * block..<width * block + width).map(found.value)
          let size = list.map { abs($0) }.reduce(0, +)
          #expect(abs(sums[block] - list.reduce(0, +)) <= 1e-5 * size)
        }
      }
      guard count % 256 == 0 else { return }
      for block in 0..<count / 32 {
        let eight = found.sums32[block & ~7..<(block & ~7) + 8].map { abs($0) }.max()!
        let sum = found.integerSumScales[block / 8] * Float(found.integerSums[block])
        #expect(abs(sum - found.sums32[block]) <= eight / 65534 * (1 + 1e-3) + Self.smallestReach)
      }
    }

    /// Half of a last block of 64 is missing: its codes are zero, so that a kernel may multiply with them.
    @Test func fillsTheLastBlock() {
      let found = Quantized(Values.normal.list(96))
      #expect(found.codes[96...].allSatisfy { $0 == 0 })
      #expect(found.scales[8...].allSatisfy { $0 > 0 })
    }
  }
#endif
