// The entry points of this target, one switch each from the file's type number (ggml.h) to the kernel compiled
// for that format. Raw pointers only: the caller, Kernels, has checked every shape.

/// Does this target have kernels for a tensor type?
public func supports(type: UInt32) -> Bool {
  switch type {
  case 0, 1, 30, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23: true
  default: false
  }
}

/// Float weights read float32 activations; the others quantized ones.
public func readsFloats(type: UInt32) -> Bool { type == 0 || type == 1 || type == 30 }

/// Formats whose prefill reads 16-bit activations (the rest: 8-bit).
public func prefillReads16(type: UInt32) -> Bool { type == 8 || type == 20 || type == 23 }

/// `y[row] = w[row] · x` for one token as `quantize16` writes it, or as floats.
public func matVec(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int,
  floats: UnsafePointer<Float>,
  q16: UnsafePointer<Int16>, scales: UnsafePointer<Float>, sums32: UnsafePointer<Float>,
  sums16: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, scratch: UnsafeMutableRawPointer
) {
  let x = Activations16(codes: q16, scales: scales, sums32: sums32, sums16: sums16)
  @inline(__always) func packed<F: CodeFormat>(_ format: F.Type) {
    matVec(format, w, rowBytes: rowBytes, rows: rows, columns: columns, x, y, scratch: scratch)
  }
  @inline(__always) func plain<F: FloatFormat>(_ format: F.Type) {
    matVec(format, w, rowBytes: rowBytes, rows: rows, columns: columns, floats, y)
  }
  switch type {
  case 0: plain(F32Format.self)
  case 1: plain(F16Format.self)
  case 30: plain(BF16Format.self)
  case 2: packed(Q4_0.self)
  case 3: packed(Q4_1.self)
  case 6: packed(Q5_0.self)
  case 7: packed(Q5_1.self)
  case 8: packed(Q8_0.self)
  case 20: packed(IQ4_NL.self)
  case 23: packed(IQ4_XS.self)
  default: preconditionFailure("no kernel for tensor type \(type)")
  }
}

/// Does one token alone read 8-bit activations, in `matVecOctets`?
public func readsOctets(type: UInt32) -> Bool {
  switch type {
  case 10, 11, 12, 13, 14: true
  default: false
  }
}

/// `y[row] = w[row] · x` for one token as `quantizeOctets` writes it.
public func matVecOctets(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int,
  codes: UnsafePointer<Int8>,
  scales: UnsafePointer<Float>, sums16: UnsafePointer<Float>,
  integerSums: UnsafePointer<Int16>, integerSumScales: UnsafePointer<Float>,
  into y: UnsafeMutablePointer<Float>, scratch: UnsafeMutableRawPointer
) {
  let x = OctetActivations(
    codes: codes, scales: scales, sums16: sums16, integerSums: integerSums,
    integerSumScales: integerSumScales)
  @inline(__always) func bytes<F: ByteScaleFormat>(_ format: F.Type) {
    matVecOctets(format, w, rowBytes: rowBytes, rows: rows, columns: columns, x, y, scratch: scratch)
  }
  @inline(__always) func sixBits<F: SixBitFormat>(_ format: F.Type) {
    matVecOctets(format, w, rowBytes: rowBytes, rows: rows, columns: columns, x, y, scratch: scratch)
  }
  switch type {
  case 10: bytes(Q2_K.self)
  case 11: bytes(Q3_K.self)
  case 12: sixBits(Q4_K.self)
  case 13: sixBits(Q5_K.self)
  case 14: bytes(Q6_K.self)
  default: preconditionFailure("no kernel for tensor type \(type)")
  }
}

/// Bytes of scratch memory that `matVec`, `matVecOctets`, `matMulTile` and `addLowRank` need for rows of `columns` weights.
public func scratchBytes(columns: Int) -> Int {
  max(Panel.scratchBytes, columns / 4 + 64, columns / 256 * 288 + 256)
}

/// `y[token × stride + row] = w[row] · x[token]` for up to 16 rows.
public func matMulTile(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int, tokens: Int,
  floats: UnsafePointer<Float>, floatStride: Int, q8: UnsafePointer<Int8>, q16: UnsafePointer<Int16>,
  scales: UnsafePointer<Float>, sums32: UnsafePointer<Float>, sums16: UnsafePointer<Float>,
  centers: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, stride: Int,
  scratch: UnsafeMutableRawPointer
) {
  @inline(__always) func packed<F: CodeFormat>(_ format: F.Type) {
    matMulTile(
      format, w, rowBytes: rowBytes, rows: rows, columns: columns, tokens: tokens, q8: q8, q16: q16,
      scales: scales,
      sums32: sums32, sums16: sums16, centers: centers, y, stride: stride, scratch: scratch)
  }
  @inline(__always) func plain<F: FloatFormat>(_ format: F.Type) {
    matMulTile(
      format, w, rowBytes: rowBytes, rows: rows, columns: columns, tokens: tokens, floats,
      xStride: floatStride, y,
      stride: stride, scratch: scratch)
  }
  switch type {
  case 0: plain(F32Format.self)
  case 1: plain(F16Format.self)
  case 30: plain(BF16Format.self)
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
