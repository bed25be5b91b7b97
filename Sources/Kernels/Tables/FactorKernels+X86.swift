#if arch(x86_64)
  import GGUF
  import KernelsX86V3

  import func KernelsX86V4.passes
  import func KernelsX86V4.projectPass
  import func KernelsX86V4.readsPairs

  extension FactorKernels {
    static let x86V3 = FactorKernels(
      packs: packsV3,
      forms: { weight, width in width == .many ? KernelTable.formsV3(weight, width) : [] },
      project: { a, sharesScales, weight, x, tokens, h, stride, scratch in
        let number = weight.rawValue
        if x.width != .many {
          projectFew(a, sharesScales, x, tokens, h, stride, scratch)
        } else if prefillReads16(type: number) {
          KernelTable.multiplyV3(a, x, tokens, h, stride, scratch)
        } else {
          let arePairs = prefillReadsPairs(type: number)
          let activations = BatchActivations(arePairs ? x.int8Pairs : x.int8, columns: a.columns)
          for first in Swift.stride(from: 0, to: a.rows, by: 16) {
            projectBytes(
              blocks: a.base + first * a.rowBytes, rowBytes: a.rowBytes, rows: min(16, a.rows - first),
              tokens: tokens, activations, scaledSubBlocks: arePairs ? 2 : 1, into: h + first,
              stride: stride, scratch: scratch)
          }
        }
      },
      quantize: { h, column, rank, tokens, factor in
        quantizeHidden(
          h.floats + column, rank: rank, tokens: tokens, stride: h.columns, factor: factor,
          into: h.codes + column, scales: h.scales + column / 32)
      },
      add: addPanels)

    static let x86V4 = FactorKernels(
      packs: packsV3,
      forms: { weight, width in width == .many ? KernelTable.formsV4(weight, width) : [] },
      project: { a, sharesScales, weight, x, tokens, h, stride, scratch in
        if x.width != .many {
          projectFew(a, sharesScales, x, tokens, h, stride, scratch)
        } else if readsPairs(type: weight.rawValue) {
          let activations = BatchActivations(x.int8Pairs, columns: a.columns)
          for first in Swift.stride(from: 0, to: a.rows, by: 16) {
            for pass in 0..<passes(columns: a.columns) {
              projectPass(
                blocks: a.base + first * a.rowBytes, rowBytes: a.rowBytes, rows: min(16, a.rows - first),
                tokens: tokens, pass: pass, activations, into: h + first, stride: stride, scratch: scratch)
            }
          }
        } else {
          KernelTable.multiplyV4(a, x, tokens, h, stride, scratch)
        }
      },
      quantize: x86V3.quantize,
      add: x86V3.add)

    @Sendable private static func packsV3(_ weight: TensorType) -> Bool {
      supports(type: weight.rawValue) && !readsFloats(type: weight.rawValue)
    }

    /// A token after the other: its bits do not depend on how many there are.
    private static func projectFew(
      _ a: WeightTile, _ sharesScales: Bool, _ x: ActivationView, _ tokens: Int,
      _ h: UnsafeMutablePointer<Float>, _ stride: Int, _ scratch: UnsafeMutableRawPointer
    ) {
      for token in 0..<tokens {
        projectShorts(
          blocks: a.base, sharesScales: sharesScales, rowBytes: a.rowBytes, rows: a.rows, columns: a.columns,
          x.floats + token * x.columns, into: h + token * stride, scratch: scratch)
      }
    }

    @Sendable private static func addPanels(
      _ b: FactorPanels, _ first: Int, _ count: Int, _ h: HiddenRows, _ column: Int, _ tokens: Int,
      _ gain: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>, _ stride: Int
    ) {
      addFactor(
        FactorTerm(b, row: first, h, column, gain: gain), rows: count, tokens: tokens, to: y, stride: stride)
    }
  }

  extension FactorTerm {
    /// The panel that begins at `row`, and the columns of `h` from `column` on.
    init(_ b: FactorPanels, row: Int, _ h: HiddenRows, _ column: Int, gain: UnsafePointer<Float>?) {
      self.init(
        panel: b.panel(row: row), rank: b.rank, h: h.codes + column, hScales: h.scales + column / 32,
        hStride: h.columns, gain: gain)
    }
  }

  extension BatchActivations {
    init(_ form: QuantizedView, columns: Int) {
      self.init(
        columns: columns, codes: form.codes, scales: form.scales, sums32: form.sums32, sums16: form.sums16,
        centers: form.centers)
    }
  }
#endif
