#if arch(x86_64)
  import GGUF
  import KernelsX86V4

  import struct KernelsX86V3.BatchActivations

  extension KernelTable {
    /// AVX-512 with VNNI: several tokens at once are multiplied byte by byte, whatever the format; up to eight, in the
    /// formats that decoding meets most, at 16 bits with sixteen rows side by side. The rest is `x86V3`'s.
    package static let x86V4 = KernelTable(
      name: "x86-64-v4",
      forms: formsV4,
      quantize: { x, forms, tokens in
        quantizeRows(x, forms, tokens, bias: 128)
        guard forms.contains(.planes) else { return }
        for token in 0..<tokens {
          let p = x.planes.advanced(tokens: token)
          quantizePlanes(
            x.floats + token * x.columns, count: x.columns, rows: p.rows, into: p.codes, scales: p.scales,
            sums: p.sums, negatives: p.negatives)
        }
      },
      multiply: multiplyV4,
      multiplyAdding: { type, width in readsBytes(type, width) ? multiplyAddingBytes : nil },
      // Factors in 16-bit activations or floats; formats that factors do not have as everything else.
      projectionForms: { type, width in keepsPrecision(type) ? formsV3(type, width) : formsV4(type, width)
      },
      project: { a, x, tokens, h, stride, scratch in
        if keepsPrecision(a.type) {
          multiplyV3(a, x, tokens, h, stride, scratch)
        } else {
          multiplyV4(a, x, tokens, h, stride, scratch)
        }
      },
      addMultiply: x86V3.addMultiply,
      factors: .x86V4,
      scratchBytes: { max(x86V3.scratchBytes($0), KernelsX86V4.scratchBytes) },
      tileRows: 16,
      rmsNorm: x86V3.rmsNorm,
      siluMultiply: x86V3.siluMultiply,
      addScaled: x86V3.addScaled,
      multiplyElements: x86V3.multiplyElements,
      toHalves: x86V3.toHalves,
      attend: x86V3.attend,
      mergeAttention: x86V3.mergeAttention,
      attentionScratchBytes: x86V3.attentionScratchBytes)

    /// Are several tokens' activations read at 16 bits, or as floats, by x86V3's kernels?
    private static func keepsPrecision(_ type: TensorType) -> Bool { !formsV3(type, .many).contains(.int8) }

    @Sendable static func formsV4(_ type: TensorType, _ width: BatchWidth) -> ActivationForms {
      if readsPlanes(type, width) { return .planes }
      guard supports(type: type.rawValue), width != .one else { return formsV3(type, width) }
      return readsPairs(type: type.rawValue) ? .int8Pairs : .int8
    }

    private static func readsPlanes(_ type: TensorType, _ width: BatchWidth) -> Bool {
      width != .many && hasLanes(type: type.rawValue)
    }

    @Sendable static func multiplyV4(
      _ w: WeightTile, _ x: ActivationView, _ tokens: Int, _ y: UnsafeMutablePointer<Float>, _ stride: Int,
      _ scratch: UnsafeMutableRawPointer
    ) {
      if readsPlanes(w.type, x.width) {
        matVec(
          type: w.type.rawValue, weights: w.base, rowBytes: w.rowBytes, rows: w.rows, tokens: tokens,
          PlaneActivations(
            columns: w.columns, rows: x.planes.rows, codes: x.planes.codes, scales: x.planes.scales,
            sums: x.planes.sums, negatives: x.planes.negatives), into: y, stride: stride, beside: w.beside)
        return
      }
      if readsBytes(w.type, x.width) {
        multiplyBytes(w, x, tokens, y, stride, nil, scratch)
      } else {
        multiplyV3(w, x, tokens, y, stride, scratch)
      }
    }

    private static func readsBytes(_ type: TensorType, _ width: BatchWidth) -> Bool {
      supports(type: type.rawValue) && width != .one && !readsPlanes(type, width)
    }

    private static let multiplyAddingBytes: MultiplyAdding = { w, x, tokens, y, stride, delta, scratch in
      multiplyBytes(w, x, tokens, y, stride, delta, scratch)
    }

    private static func multiplyBytes(
      _ w: WeightTile, _ x: ActivationView, _ tokens: Int, _ y: UnsafeMutablePointer<Float>,
      _ stride: Int, _ delta: TileDelta?, _ scratch: UnsafeMutableRawPointer
    ) {
      let form = readsPairs(type: w.type.rawValue) ? x.int8Pairs : x.int8
      let activations = BatchActivations(form, columns: w.columns)
      let passes = passes(columns: w.columns)
      forEachPanel(w, delta) { first, rows, ending in
        for pass in 0..<passes {
          matMulPass(
            type: w.type.rawValue, weights: w.base + first * w.rowBytes, rowBytes: w.rowBytes, rows: rows,
            tokens: tokens, pass: pass, activations, ending: ending, into: y + first, stride: stride,
            scratch: scratch)
        }
      }
    }
  }
#endif
