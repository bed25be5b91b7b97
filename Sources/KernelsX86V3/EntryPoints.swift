// The entry points of this target, one switch each from the file's type number (ggml.h) to the kernel compiled
// for that format. Raw pointers only: the caller, Kernels, has checked every shape.

import CProcessor

/// Does this target have kernels for a tensor type?
public func supports(type: UInt32) -> Bool {
  switch type {
  case 0, 1, 30, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23: true
  default: false
  }
}

/// Float weights read float32 activations; the others quantized ones.
public func readsFloats(type: UInt32) -> Bool { type == 0 || type == 1 || type == 30 }

/// Are there kernels for a low-rank factor of a type, beside an input of few float32 numbers?
public func multipliesLowRank(type: UInt32) -> Bool { readsFloats(type: type) || type == 8 }

/// Formats whose prefill reads 16-bit activations (the rest: 8-bit).
public func prefillReads16(type: UInt32) -> Bool { type == 8 || type == 20 || type == 23 }

/// `y[row] = w[row] · x` for one token as `quantize16` writes it, or as floats. What lies `beside` the rows is fetched.
public func matVec(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int,
  floats: UnsafePointer<Float>,
  q16: UnsafePointer<Int16>, scales: UnsafePointer<Float>, sums32: UnsafePointer<Float>,
  sums16: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, beside: RowStreams,
  scratch: UnsafeMutableRawPointer
) {
  let x = Activations16(codes: q16, scales: scales, sums32: sums32, sums16: sums16)
  @inline(__always) func packed<F: CodeFormat>(_ format: F.Type) {
    matVec(
      format, w, rowBytes: rowBytes, rows: rows, columns: columns, x, y, beside: beside, scratch: scratch)
  }
  @inline(__always) func plain<F: FloatFormat>(_ format: F.Type) {
    matVec(format, w, rowBytes: rowBytes, rows: rows, columns: columns, floats, y, beside: beside)
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

/// `y[row] = w[row] · x` for one token as `quantizeOctets` writes it. What lies `beside` the rows is fetched.
public func matVecOctets(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int,
  codes: UnsafePointer<Int8>,
  scales: UnsafePointer<Float>, sums16: UnsafePointer<Float>,
  integerSums: UnsafePointer<Int16>, integerSumScales: UnsafePointer<Float>,
  into y: UnsafeMutablePointer<Float>, beside: RowStreams, scratch: UnsafeMutableRawPointer
) {
  let x = OctetActivations(
    codes: codes, scales: scales, sums16: sums16, integerSums: integerSums,
    integerSumScales: integerSumScales)
  @inline(__always) func bytes<F: ByteScaleFormat>(_ format: F.Type) {
    matVecOctets(
      format, w, rowBytes: rowBytes, rows: rows, columns: columns, x, y, beside: beside, scratch: scratch)
  }
  @inline(__always) func sixBits<F: SixBitFormat>(_ format: F.Type) {
    matVecOctets(
      format, w, rowBytes: rowBytes, rows: rows, columns: columns, x, y, beside: beside, scratch: scratch)
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

/// Bytes of scratch memory that `matVec`, `matVecOctets`, `matMulPass`, `matMulFloats` and `addLowRank` need for rows of `columns` weights.
public func scratchBytes(columns: Int) -> Int {
  max(Panel.scratchBytes, shortScratchBytes(columns: columns), columns / 4 + 64, columns / 256 * 288 + 256)
}

/// Passes that `matMulPass` needs for all columns.
public func passes(columns: Int) -> Int { (columns / 32 + Panel.subBlocks - 1) / Panel.subBlocks }

/// Does `matMulPass` read a type's activations as `quantizePairs` writes them?
public func prefillReadsPairs(type: UInt32) -> Bool { (10...14).contains(type) }

/// One pass, of which the last comes last, of `y[token × stride + row] = w[row] · x[token]` for up to 16 rows of packed
/// weights, and then of what `ending` says.
public func matMulPass(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, tokens: Int, pass: Int,
  _ x: BatchActivations, ending: TileEnding?, into y: UnsafeMutablePointer<Float>,
  stride: Int, scratch: UnsafeMutableRawPointer
) {
  @inline(__always) func multiply<P: PanelProduct>(_ product: P.Type) {
    if let ending, pass + 1 == passes(columns: x.columns) {
      let output = EndedOutput(
        ending: ending, made: PanelView(scratch).made, y: y, stride: stride, rows: rows, adding: pass > 0)
      matMulPass(
        product, w, rowBytes: rowBytes, rows: rows, tokens: tokens, pass: pass, x, output, scratch: scratch)
    } else {
      let output = PlainOutput(y: y, stride: stride, rows: rows, adding: pass > 0)
      matMulPass(
        product, w, rowBytes: rowBytes, rows: rows, tokens: tokens, pass: pass, x, output, scratch: scratch)
    }
  }
  @inline(__always) func scaled<F: CodeFormat>(_ format: F.Type) { multiply(FloatScaled<F>.self) }
  @inline(__always) func wide<F: CodeFormat>(_ format: F.Type) { multiply(WideCodes<F>.self) }
  @inline(__always) func integers<F: IntegerScales>(_ format: F.Type) { multiply(IntegerScaled<F>.self) }
  switch type {
  case 2: scaled(Q4_0.self)
  case 3: scaled(Q4_1.self)
  case 6: scaled(Q5_0.self)
  case 7: scaled(Q5_1.self)
  case 8: wide(Q8_0.self)
  case 10: integers(Q2_K.self)
  case 11: integers(Q3_K.self)
  case 12: integers(Q4_K.self)
  case 13: integers(Q5_K.self)
  case 14: integers(Q6_K.self)
  case 20: wide(IQ4_NL.self)
  case 23: wide(IQ4_XS.self)
  default: preconditionFailure("no kernel for tensor type \(type)")
  }
}

/// `y[token × stride + row] = w[row] · x[token]` for up to 16 rows of float weights; `x` is `[token][columns]`.
public func matMulFloats(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int, tokens: Int,
  _ x: UnsafePointer<Float>, xStride: Int, into y: UnsafeMutablePointer<Float>, stride: Int,
  scratch: UnsafeMutableRawPointer
) {
  @inline(__always) func run<F: FloatFormat>(_ format: F.Type) {
    matMulTile(
      format, w, rowBytes: rowBytes, rows: rows, columns: columns, tokens: tokens, x, xStride: xStride, y,
      stride: stride, scratch: scratch)
  }
  switch type {
  case 0: run(F32Format.self)
  case 1: run(F16Format.self)
  case 30: run(BF16Format.self)
  default: preconditionFailure("no kernel for tensor type \(type)")
  }
}
