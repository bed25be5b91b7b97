// The entry points of this target, one switch from the file's type number (ggml.h) to the kernel compiled for that
// format. Raw pointers only: the caller, Kernels, has checked every shape.

/// Does this target have kernels for a tensor type?
public func supports(type: UInt32) -> Bool {
  switch type {
  case 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23: true
  default: false
  }
}

/// Bytes of scratch memory that `matMulTile` needs.
public var scratchBytes: Int { Panel.scratchBytes }

/// `y[token × stride + row] = w[row] · x[token] + Σ terms` for up to 16 rows.
public func matMulTile(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, tokens: Int, _ x: BatchActivations,
  terms: UnsafeBufferPointer<LowRankTerm>, into y: UnsafeMutablePointer<Float>, stride: Int,
  scratch: UnsafeMutableRawPointer
) {
  @inline(__always) func packed<F: CodeFormat>(_ format: F.Type) {
    matMulTile(
      format, w, rowBytes: rowBytes, rows: rows, tokens: tokens, x, terms: terms, y, stride: stride,
      scratch: scratch)
  }
  switch type {
  case 2: packed(Q4_0.self)
  case 3: packed(Q4_1.self)
  case 6: packed(Q5_0.self)
  case 7: packed(Q5_1.self)
  case 8: packed(Q8_0.self)
  case 10: packed(Q2_K.self)
  case 11: packed(Q3_K.self)
  case 12: packed(Q4_K.self)
  case 13: packed(Q5_K.self)
  case 14: packed(Q6_K.self)
  case 20: packed(IQ4_NL.self)
  case 23: packed(IQ4_XS.self)
  default: preconditionFailure("no kernel for tensor type \(type)")
  }
}

/// Has a type a kernel that reads a few tokens' 16-bit activations, `matVec`?
public func hasLanes(type: UInt32) -> Bool { type == 12 || type == 13 || type == 14 }

/// `y[token × stride + row] = w[row] · x[token]` for up to `laneTokens` tokens.
public func matVec(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, tokens: Int, _ x: PlaneActivations,
  into y: UnsafeMutablePointer<Float>, stride: Int
) {
  switch type {
  case 12: matVec(Q4_K.self, w, rowBytes: rowBytes, rows: rows, tokens: tokens, x, y, stride: stride)
  case 13: matVec(Q5_K.self, w, rowBytes: rowBytes, rows: rows, tokens: tokens, x, y, stride: stride)
  case 14: matVec(Q6_K.self, w, rowBytes: rowBytes, rows: rows, tokens: tokens, x, y, stride: stride)
  default: preconditionFailure("no kernel for tensor type \(type)")
  }
}

/// Up to 16 rows of a low-rank factor of float weights as `[rank][16 rows]`: `LowRankTerm.panel`.
public func packLowRank(
  type: UInt32, weights b: UnsafeRawPointer, rowBytes: Int, rows: Int, rank: Int,
  into panel: UnsafeMutablePointer<Float>
) {
  switch type {
  case 0: packPanel(F32Format.self, b, rowBytes: rowBytes, rows: rows, first: 0, count: rank, into: panel)
  case 1: packPanel(F16Format.self, b, rowBytes: rowBytes, rows: rows, first: 0, count: rank, into: panel)
  case 30: packPanel(BF16Format.self, b, rowBytes: rowBytes, rows: rows, first: 0, count: rank, into: panel)
  default: preconditionFailure("no low-rank kernel for tensor type \(type)")
  }
}
