import CProcessor
import KernelsX86V3

// The entry points of this target, one switch from the file's type number (ggml.h) to the kernel compiled for that
// format. Raw pointers only: the caller, Kernels, has checked every shape.

/// Does this target have kernels for a tensor type?
public func supports(type: UInt32) -> Bool {
  switch type {
  case 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23: true
  default: false
  }
}

/// Bytes of scratch memory that `matMulPass` needs.
public var scratchBytes: Int { Panel.scratchBytes }

/// Passes that `matMulPass` needs for all columns.
public func passes(columns: Int) -> Int { (columns / 32 + Panel.subBlocks - 1) / Panel.subBlocks }

/// One pass, of which the last comes last, of `y[token × stride + row] = w[row] · x[token]` for up to 16 rows, and then of
/// what `ending` says.
public func matMulPass(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, tokens: Int, pass: Int,
  _ x: BatchActivations,
  ending: TileEnding?, into y: UnsafeMutablePointer<Float>, stride: Int,
  scratch: UnsafeMutableRawPointer
) {
  @inline(__always) func packed<F: CodeFormat>(_ format: F.Type) { multiply(FloatScaled<F>.self) }
  @inline(__always) func scaled<F: IntegerScales>(_ format: F.Type) { multiply(IntegerScaled<F>.self) }
  @inline(__always) func multiply<P: PanelProduct>(_ product: P.Type) {
    let mask = rowMask(rows)
    if let ending, pass + 1 == passes(columns: x.columns) {
      let output = EndedOutput(ending: ending, y: y, stride: stride, mask: mask, adding: pass > 0)
      matMulPass(
        product, w, rowBytes: rowBytes, rows: rows, tokens: tokens, pass: pass, x, output, scratch: scratch)
    } else {
      let output = PlainOutput(y: y, stride: stride, mask: mask, adding: pass > 0)
      matMulPass(
        product, w, rowBytes: rowBytes, rows: rows, tokens: tokens, pass: pass, x, output, scratch: scratch)
    }
  }
  switch type {
  case 2: packed(Q4_0.self)
  case 3: packed(Q4_1.self)
  case 6: packed(Q5_0.self)
  case 7: packed(Q5_1.self)
  case 8: packed(Q8_0.self)
  case 10: scaled(Q2_K.self)
  case 11: scaled(Q3_K.self)
  case 12: scaled(Q4_K.self)
  case 13: scaled(Q5_K.self)
  case 14: scaled(Q6_K.self)
  case 20: packed(IQ4_NL.self)
  case 23: packed(IQ4_XS.self)
  default: preconditionFailure("no kernel for tensor type \(type)")
  }
}

/// Does `matMulPass` read a type's activations as `quantizePairs` writes them, not `quantize8`?
public func readsPairs(type: UInt32) -> Bool { (10...14).contains(type) }

/// Has a type a kernel that reads a few tokens' 16-bit activations, `matVec`?
public func hasLanes(type: UInt32) -> Bool { type == 12 || type == 13 || type == 14 }

/// `y[token × stride + row] = w[row] · x[token]` for up to `laneTokens` tokens. What lies `beside` the rows is fetched.
public func matVec(
  type: UInt32, weights w: UnsafeRawPointer, rowBytes: Int, rows: Int, tokens: Int, _ x: PlaneActivations,
  into y: UnsafeMutablePointer<Float>, stride: Int, beside: RowStreams
) {
  switch type {
  case 12:
    matVec(Q4_K.self, w, rowBytes: rowBytes, rows: rows, tokens: tokens, x, y, stride: stride, beside: beside)
  case 13:
    matVec(Q5_K.self, w, rowBytes: rowBytes, rows: rows, tokens: tokens, x, y, stride: stride, beside: beside)
  case 14:
    matVec(Q6_K.self, w, rowBytes: rowBytes, rows: rows, tokens: tokens, x, y, stride: stride, beside: beside)
  default: preconditionFailure("no kernel for tensor type \(type)")
  }
}

/// One pass of `h[token × stride + row] = a[row] · x[token]` for up to 16 rows of Q8_0, with activations as `quantizePairs`
/// writes them.
public func projectPass(
  blocks: UnsafeRawPointer, rowBytes: Int, rows: Int, tokens: Int, pass: Int, _ x: BatchActivations,
  into h: UnsafeMutablePointer<Float>, stride: Int, scratch: UnsafeMutableRawPointer
) {
  let mask = rowMask(rows)
  matMulPass(
    PairScaled<Q8_0>.self, blocks, rowBytes: rowBytes, rows: rows, tokens: tokens, pass: pass, x,
    PlainOutput(y: h, stride: stride, mask: mask, adding: pass > 0), scratch: scratch)
}
