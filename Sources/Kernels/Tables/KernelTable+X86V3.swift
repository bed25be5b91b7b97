#if arch(x86_64)
  import GGUF
  import KernelsX86V3

  extension KernelTable {
    /// AVX2, FMA and F16C: integer dot products over packed blocks.
    package static let x86V3 = KernelTable(
      name: "x86-64-v3",
      forms: formsV3,
      quantize: { quantizeRows($0, $1, $2, bias: 0) },
      multiply: multiplyV3,
      multiplyAdding: { type, width in readsPanels(type, width) ? multiplyAddingPanels : nil },
      projectionForms: formsV3,
      project: multiplyV3,
      addMultiply: { w, h, hStride, tokens, y, stride, scratch in
        guard multipliesLowRank(type: w.type.rawValue) else {
          PortableKernels.addMultiply(w, h, hStride, tokens, y, stride, scratch)
          return
        }
        addLowRank(
          type: w.type.rawValue, weights: w.base, rowBytes: w.rowBytes, rows: w.rows, rank: w.columns, h: h,
          hStride: hStride, tokens: tokens, to: y, stride: stride, scratch: scratch)
      },
      factors: .x86V3,
      scratchBytes: {
        max(KernelsX86V3.scratchBytes(columns: $0), PortableKernels.scratchBytes(columns: $0))
      },
      tileRows: 16,
      rmsNorm: { KernelsX86V3.rmsNorm($0, weight: $1, count: $2, epsilon: $3, into: $4) },
      siluMultiply: { KernelsX86V3.siluMultiply($0, $1, count: $2) },
      addScaled: { KernelsX86V3.addScaled($0, scale: $1, count: $2, to: $3) },
      multiplyElements: { KernelsX86V3.multiplyElements($0, count: $1, into: $2) },
      toHalves: { KernelsX86V3.toHalves($0, count: $1, into: $2) },
      attend: { call, scratch in
        KernelsX86V3.attend(
          q: call.queries, out: call.output, stride: call.stride, tokens: call.tokens, heads: call.heads,
          headSize: call.headSize, keys: call.keys, values: call.values, areHalves: call.areHalves,
          firsts: call.firsts, limits: call.limits, begin: call.begin, end: call.end, scale: call.scale,
          softcap: call.softcap, partials: call.partials, scratch: scratch)
      },
      mergeAttention: { call, partials, parts in
        KernelsX86V3.mergeAttention(
          partials, parts: parts, tokens: call.tokens, heads: call.heads, headSize: call.headSize,
          into: call.output, stride: call.stride)
      },
      attentionScratchBytes: { KernelsX86V3.attentionScratchBytes(rows: $0, headSize: $1) })

    @Sendable static func formsV3(_ type: TensorType, _ width: BatchWidth) -> ActivationForms {
      let number = type.rawValue
      if !supports(type: number) || readsFloats(type: number) { return [] }
      if width == .one, readsOctets(type: number) { return .int8Octets }
      if width == .one || prefillReads16(type: number) { return .int16 }
      return prefillReadsPairs(type: number) ? .int8Pairs : .int8
    }

    private static func readsPanels(_ type: TensorType, _ width: BatchWidth) -> Bool {
      supports(type: type.rawValue) && !readsFloats(type: type.rawValue) && width != .one
    }

    @Sendable static func multiplyV3(
      _ w: WeightTile, _ x: ActivationView, _ tokens: Int, _ y: UnsafeMutablePointer<Float>, _ stride: Int,
      _ scratch: UnsafeMutableRawPointer
    ) {
      let number = w.type.rawValue
      guard supports(type: number) else {
        PortableKernels.multiply(w, x, tokens, y, stride, scratch)
        return
      }
      if x.width == .one, readsOctets(type: number) {
        let octets = x.int8Octets
        matVecOctets(
          type: number, weights: w.base, rowBytes: w.rowBytes, rows: w.rows, columns: w.columns,
          codes: octets.codes, scales: octets.scales, sums16: octets.sums16,
          integerSums: octets.integerSums, integerSumScales: octets.integerSumScales, into: y,
          beside: w.beside, scratch: scratch)
        return
      }
      if x.width == .one {
        matVec(
          type: number, weights: w.base, rowBytes: w.rowBytes, rows: w.rows, columns: w.columns,
          floats: x.floats, q16: UnsafePointer(x.int16.codes.assumingMemoryBound(to: Int16.self)),
          scales: x.int16.scales, sums32: x.int16.sums32, sums16: x.int16.sums16, into: y,
          beside: w.beside, scratch: scratch)
      } else if readsPanels(w.type, x.width) {
        multiplyPanels(w, x, tokens, y, stride, nil, scratch)
      } else {
        for first in Swift.stride(from: 0, to: w.rows, by: 16) {
          matMulFloats(
            type: number, weights: w.base + first * w.rowBytes, rowBytes: w.rowBytes,
            rows: min(16, w.rows - first), columns: w.columns, tokens: tokens, x.floats, xStride: x.columns,
            into: y + first, stride: stride, scratch: scratch)
        }
      }
    }

    private static let multiplyAddingPanels: MultiplyAdding = { w, x, tokens, y, stride, delta, scratch in
      multiplyPanels(w, x, tokens, y, stride, delta, scratch)
    }

    private static func multiplyPanels(
      _ w: WeightTile, _ x: ActivationView, _ tokens: Int, _ y: UnsafeMutablePointer<Float>,
      _ stride: Int, _ delta: TileDelta?, _ scratch: UnsafeMutableRawPointer
    ) {
      let number = w.type.rawValue
      let form =
        prefillReads16(type: number) ? x.int16 : prefillReadsPairs(type: number) ? x.int8Pairs : x.int8
      let activations = BatchActivations(form, columns: w.columns)
      let passes = passes(columns: w.columns)
      forEachPanel(w, delta) { first, rows, ending in
        for pass in 0..<passes {
          matMulPass(
            type: number, weights: w.base + first * w.rowBytes, rowBytes: w.rowBytes, rows: rows,
            tokens: tokens, pass: pass, activations, ending: ending, into: y + first, stride: stride,
            scratch: scratch)
        }
      }
    }

    /// Fills the given forms. `bias`: what 8-bit codes stand off from their center.
    static func quantizeRows(_ x: ActivationView, _ forms: ActivationForms, _ tokens: Int, bias: Int) {
      let blocks = x.columns / 32
      for token in 0..<tokens {
        let floats = x.floats + token * x.columns
        if forms.contains(.int8Octets) {
          let octets = x.int8Octets.advanced(tokens: token, columns: x.columns)
          quantizeOctets(
            floats, count: x.columns, into: octets.codes, scales: octets.scales,
            sums16: octets.sums16, integerSums: octets.integerSums, integerSumScales: octets.integerSumScales)
        }
        if forms.contains(.int8) {
          quantize8(
            floats, count: x.columns, into: x.int8.codes + token * x.columns,
            scales: x.int8.scales + token * blocks, centers: x.int8.centers + token * blocks,
            sums32: x.int8.sums32 + token * blocks, sums16: x.int8.sums16 + 2 * token * blocks, bias: bias)
        }
        if forms.contains(.int8Pairs) {
          let p = x.int8Pairs.advanced(tokens: token, columns: x.columns, codeBytes: 1)
          quantizePairs(
            floats, count: x.columns, into: p.codes, scales: p.scales, centers: p.centers, sums32: p.sums32,
            sums16: p.sums16, bias: bias)
        }
        if forms.contains(.int16) {
          let codes = (x.int16.codes + 2 * token * x.columns).assumingMemoryBound(to: Int16.self)
          quantize16(
            floats, count: x.columns, into: codes, scales: x.int16.scales + token * blocks,
            sums32: x.int16.sums32 + token * blocks, sums16: x.int16.sums16 + 2 * token * blocks)
        }
      }
    }
  }
#endif
