import COpenBLAS
import GGUF

extension KernelTable {
  /// Reference precision: weights dequantized exactly, then float32 BLAS; nothing else differs from the portable table.
  package static let reference = KernelTable(
    name: "reference",
    forms: { _, _ in [] },
    quantize: { _, _, _ in },
    multiply: multiplyDequantized,
    multiplyAdding: { _, _ in nil },
    projectionForms: { _, _ in [] },
    project: multiplyDequantized,
    addMultiply: PortableKernels.addMultiply,
    factors: nil,
    scratchBytes: {
      let floats = (referenceRows + referenceTokens) * $0 + referenceTokens * referenceRows
      return max(4 * floats + 64, PortableKernels.scratchBytes(columns: $0))
    },
    tileRows: referenceRows,
    rmsNorm: PortableKernels.rmsNorm,
    siluMultiply: PortableKernels.siluMultiply,
    addScaled: PortableKernels.addScaled,
    multiplyElements: PortableKernels.multiplyElements,
    toHalves: PortableKernels.toHalves,
    attend: PortableKernels.attend,
    mergeAttention: PortableKernels.mergeAttention,
    attentionScratchBytes: PortableKernels.attentionScratchBytes)

  private static let referenceRows = 64
  private static let referenceTokens = 32

  /// Tokens of each call of BLAS, which chooses its order of steps by the sizes of all matrices: always equally many, or a token's bits
  /// would depend on how many others its expert has.
  private static func tokensTogether(_ width: BatchWidth) -> Int {
    switch width {
    case .one: 1
    case .few: BatchWidth.fewRows
    case .many: referenceTokens
    }
  }

  @Sendable private static func multiplyDequantized(
    _ w: WeightTile, _ x: ActivationView, _ tokens: Int, _ y: UnsafeMutablePointer<Float>, _ stride: Int,
    _ scratch: UnsafeMutableRawPointer
  ) {
    let panel = scratch.assumingMemoryBound(to: Float.self)
    let padded = panel + referenceRows * w.columns, sums = padded + referenceTokens * w.columns
    let together = tokensTogether(x.width)
    for first in Swift.stride(from: 0, to: w.rows, by: referenceRows) {
      let rows = min(referenceRows, w.rows - first)
      for row in 0..<rows {
        BlockFormats.dequantizeKnown(
          w.type, w.base + (first + row) * w.rowBytes, count: w.columns, into: panel + row * w.columns)
      }
      // target (together × rows) = source (together × columns) · panelᵀ
      func multiply(_ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, stride: Int) {
        cblas_sgemm(
          101, 111, 112, Int32(together), Int32(rows), Int32(w.columns), 1, source, Int32(w.columns), panel,
          Int32(w.columns), 0, target, Int32(stride))
      }
      for token in Swift.stride(from: 0, to: tokens, by: together) {
        let source = x.floats + token * x.columns, target = y + token * stride + first
        let count = min(together, tokens - token)
        if count == together {
          multiply(source, into: target, stride: stride)
          continue
        }
        padded.update(from: source, count: count * w.columns)
        (padded + count * w.columns).update(repeating: 0, count: (together - count) * w.columns)
        multiply(padded, into: sums, stride: rows)
        for t in 0..<count { (target + t * stride).update(from: sums + t * rows, count: rows) }
      }
    }
  }

  /// One thread for each BLAS call: the pool owns the cores.
  static let limitBLASThreads: Void = openblas_set_num_threads(1)
}
