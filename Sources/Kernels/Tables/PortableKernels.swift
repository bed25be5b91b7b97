import GGUF

/// The kernels in plain Swift: the definition that faster ones are tested against, and what runs on processors
/// that have no table of their own. Weights are dequantized row by row; activations stay float32.
enum PortableKernels {
  /// Columns of a low-rank factor dequantized at a time, a multiple of every block: a rank has no limit.
  private static let rankColumns = 256

  static func scratchBytes(columns: Int) -> Int { 4 * (max(columns, rankColumns) + 16) }

  static func multiply(
    _ w: WeightTile, _ x: ActivationView, _ tokens: Int, _ y: UnsafeMutablePointer<Float>, _ stride: Int,
    _ scratch: UnsafeMutableRawPointer
  ) {
    let line = scratch.assumingMemoryBound(to: Float.self)
    for row in 0..<w.rows {
      BlockFormats.dequantizeKnown(w.type, w.base + row * w.rowBytes, count: w.columns, into: line)
      for token in 0..<tokens { y[token * stride + row] = dot(line, x.floats + token * x.columns, w.columns) }
    }
  }

  static func addMultiply(
    _ w: WeightTile, _ h: UnsafePointer<Float>, _ hStride: Int, _ tokens: Int,
    _ y: UnsafeMutablePointer<Float>,
    _ stride: Int, _ scratch: UnsafeMutableRawPointer
  ) {
    let line = scratch.assumingMemoryBound(to: Float.self)
    for first in Swift.stride(from: 0, to: w.columns, by: rankColumns) {
      let part = w.dropping(columns: first, keeping: min(rankColumns, w.columns - first))
      for row in 0..<part.rows {
        BlockFormats.dequantizeKnown(
          part.type, part.base + row * part.rowBytes, count: part.columns, into: line)
        for token in 0..<tokens {
          y[token * stride + row] += dot(line, h + token * hStride + first, part.columns)
        }
      }
    }
  }

  static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
    var sum = SIMD8<Float>(repeating: 0)
    let p = UnsafeRawPointer(a), q = UnsafeRawPointer(b)
    var i = 0
    while i + 8 <= count {
      sum +=
        p.loadUnaligned(fromByteOffset: 4 * i, as: SIMD8<Float>.self)
        * q.loadUnaligned(fromByteOffset: 4 * i, as: SIMD8<Float>.self)
      i += 8
    }
    var total = sum.sum()
    while i < count {
      total += a[i] * b[i]
      i += 1
    }
    return total
  }

  static func rmsNorm(
    _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ count: Int, _ epsilon: Float,
    _ y: UnsafeMutablePointer<Float>
  ) {
    let scale = 1 / (dot(x, x, count) / Float(count) + epsilon).squareRoot()
    for i in 0..<count { y[i] = x[i] * scale * weight[i] }
  }

  static func siluMultiply(_ gate: UnsafeMutablePointer<Float>, _ up: UnsafePointer<Float>, _ count: Int) {
    for i in 0..<count { gate[i] = gate[i] / (1 + exponential(-gate[i])) * up[i] }
  }

  static func addScaled(
    _ x: UnsafePointer<Float>, _ scale: Float, _ count: Int, _ y: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count { y[i] += scale * x[i] }
  }

  static func multiplyElements(
    _ x: UnsafePointer<Float>, _ count: Int, _ y: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count { y[i] *= x[i] }
  }

  static func toHalves(_ x: UnsafePointer<Float>, _ count: Int, _ y: UnsafeMutablePointer<UInt16>) {
    for i in 0..<count { y[i] = Float16(x[i]).bitPattern }
  }
}

extension KernelTable {
  package static let portable = KernelTable(
    name: "portable",
    forms: { _, _ in [] },
    quantize: { _, _, _ in },
    multiply: PortableKernels.multiply,
    multiplyAdding: { _, _ in nil },
    projectionForms: { _, _ in [] },
    project: PortableKernels.multiply,
    addMultiply: PortableKernels.addMultiply,
    factors: nil,
    scratchBytes: PortableKernels.scratchBytes,
    tileRows: 16,
    rmsNorm: PortableKernels.rmsNorm,
    siluMultiply: PortableKernels.siluMultiply,
    addScaled: PortableKernels.addScaled,
    multiplyElements: PortableKernels.multiplyElements,
    toHalves: PortableKernels.toHalves,
    attend: PortableKernels.attend,
    mergeAttention: PortableKernels.mergeAttention,
    attentionScratchBytes: PortableKernels.attentionScratchBytes)
}
