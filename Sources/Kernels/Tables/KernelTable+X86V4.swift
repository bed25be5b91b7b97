#if arch(x86_64)
  import GGUF
  import KernelsX86V4

  extension KernelTable {
    /// AVX-512 with VNNI: as `x86V3`, but several tokens at once are multiplied byte by byte, whatever the format.
    package static let x86V4 = KernelTable(
      name: "x86-64-v4",
      forms: { type, tokens in
        supports(type: type.rawValue) && tokens > 1 ? .int8 : x86V3.forms(type, tokens)
      },
      quantize: { quantizeRows($0, $1, $2, bias: 128) },
      multiply: { w, x, tokens, y, stride, scratch in
        guard supports(type: w.type.rawValue), tokens > 1 else {
          x86V3.multiply(w, x, tokens, y, stride, scratch)
          return
        }
        let activations = BatchActivations(
          columns: w.columns, codes: x.int8.codes.assumingMemoryBound(to: UInt8.self),
          scales: x.int8.scales, sums32: x.int8.sums32, sums16: x.int8.sums16, minima: x.int8.centers)
        var first = 0
        while first < w.rows {
          matMulTile(
            type: w.type.rawValue, weights: w.base + first * w.rowBytes, rowBytes: w.rowBytes,
            rows: min(16, w.rows - first), tokens: tokens, activations, into: y + first,
            stride: stride, scratch: scratch)
          first += 16
        }
      },
      addMultiply: x86V3.addMultiply,
      scratchBytes: { max(x86V3.scratchBytes($0), KernelsX86V4.scratchBytes) },
      tileRows: 16,
      rmsNorm: x86V3.rmsNorm,
      siluMultiply: x86V3.siluMultiply,
      addScaled: x86V3.addScaled,
      toHalves: x86V3.toHalves,
      attend: x86V3.attend,
      attentionScratchBytes: x86V3.attentionScratchBytes)
  }
#endif
