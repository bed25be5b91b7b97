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
    scratchBytes: { max(4 * referenceRows * $0 + 64, PortableKernels.scratchBytes(columns: $0)) },
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

  @Sendable private static func multiplyDequantized(
    _ w: WeightTile, _ x: ActivationView, _ tokens: Int, _ y: UnsafeMutablePointer<Float>, _ stride: Int,
    _ scratch: UnsafeMutableRawPointer
  ) {
    let panel = scratch.assumingMemoryBound(to: Float.self)
    var first = 0
    while first < w.rows {
      let rows = min(referenceRows, w.rows - first)
      for row in 0..<rows {
        BlockFormats.dequantizeKnown(
          w.type, w.base + (first + row) * w.rowBytes, count: w.columns, into: panel + row * w.columns)
      }
      // y (tokens × rows) = x (tokens × columns) · panelᵀ
      cblas_sgemm(
        101, 111, 112, Int32(tokens), Int32(rows), Int32(w.columns), 1, x.floats, Int32(x.columns), panel,
        Int32(w.columns), 0, y + first, Int32(stride))
      first += rows
    }
  }

  /// One thread for each BLAS call: the pool owns the cores.
  static let limitBLASThreads: Void = openblas_set_num_threads(1)
}
