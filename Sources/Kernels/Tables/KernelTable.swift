import GGUF

/// The entry points of one implementation of the kernels, chosen once when a model is loaded.
///
/// All of them compute the same functions; tests run each table against the portable one.
package struct KernelTable: Sendable {
  /// `portable`, `x86-64-v3`, `x86-64-v4`, `reference`.
  package let name: String

  /// Which quantized forms `multiply` reads for weights of a type.
  let forms: @Sendable (_ type: TensorType, _ width: BatchWidth) -> ActivationForms

  /// Fills the given forms for the first `tokens` rows of a view.
  let quantize: @Sendable (_ x: ActivationView, _ forms: ActivationForms, _ tokens: Int) -> Void

  /// `y[token × stride + row] = w[row] · x[token]` for every row of the tile and `tokens` tokens.
  let multiply:
    @Sendable (
      _ w: WeightTile, _ x: ActivationView, _ tokens: Int, _ y: UnsafeMutablePointer<Float>, _ stride: Int,
      _ scratch: UnsafeMutableRawPointer
    ) -> Void

  /// As `multiply`, and does what a delta says before a result is written, with the bits of the same steps after it.
  typealias MultiplyAdding =
    @Sendable (
      _ w: WeightTile, _ x: ActivationView, _ tokens: Int, _ y: UnsafeMutablePointer<Float>, _ stride: Int,
      _ delta: TileDelta, _ scratch: UnsafeMutableRawPointer
    ) -> Void
  /// Such a kernel for weights of a type; nil: there is none.
  let multiplyAdding: @Sendable (_ type: TensorType, _ width: BatchWidth) -> MultiplyAdding?

  /// Which forms `project` reads.
  let projectionForms: @Sendable (_ type: TensorType, _ width: BatchWidth) -> ActivationForms
  /// As `multiply`, for a low-rank factor that reads a layer's input: never at less than 16 bits.
  let project:
    @Sendable (
      _ a: WeightTile, _ x: ActivationView, _ tokens: Int, _ h: UnsafeMutablePointer<Float>, _ stride: Int,
      _ scratch: UnsafeMutableRawPointer
    ) -> Void

  /// `y[token × stride + row] += w[row] · h[token × hStride ...]` for a low-rank factor's rows: `columns` is small.
  let addMultiply:
    @Sendable (
      _ w: WeightTile, _ h: UnsafePointer<Float>, _ hStride: Int, _ tokens: Int,
      _ y: UnsafeMutablePointer<Float>,
      _ stride: Int, _ scratch: UnsafeMutableRawPointer
    ) -> Void

  /// Products of packed factors; nil: factors stay as their file has them.
  let factors: FactorKernels?

  /// Scratch bytes a worker needs for `multiply` on rows of `columns` weights.
  let scratchBytes: @Sendable (_ columns: Int) -> Int
  /// Rows of a tile when many tokens share it.
  let tileRows: Int

  let rmsNorm:
    @Sendable (
      _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ count: Int, _ epsilon: Float,
      _ y: UnsafeMutablePointer<Float>
    ) -> Void
  /// `gate = silu(gate) × up`
  let siluMultiply:
    @Sendable (_ gate: UnsafeMutablePointer<Float>, _ up: UnsafePointer<Float>, _ count: Int) -> Void
  /// `y += scale × x`
  let addScaled:
    @Sendable (_ x: UnsafePointer<Float>, _ scale: Float, _ count: Int, _ y: UnsafeMutablePointer<Float>) ->
      Void
  /// `y = x ⊙ y`
  let multiplyElements:
    @Sendable (_ x: UnsafePointer<Float>, _ count: Int, _ y: UnsafeMutablePointer<Float>) -> Void
  let toHalves: @Sendable (_ x: UnsafePointer<Float>, _ count: Int, _ y: UnsafeMutablePointer<UInt16>) -> Void
  let attend: @Sendable (_ call: AttentionCall, _ scratch: UnsafeMutableRawPointer) -> Void
  /// Merges what `attend` left in `partials` for `parts` ranges of positions, `[part][row][headSize + 2]`, into the
  /// call's output.
  let mergeAttention:
    @Sendable (_ call: AttentionCall, _ partials: UnsafePointer<Float>, _ parts: Int) -> Void
  let attentionScratchBytes: @Sendable (_ rows: Int, _ headSize: Int) -> Int

  /// The best table for this processor, or the one that the environment variable `MULLAMA_KERNELS` names.
  package static func best(environment: String?) throws(KernelError) -> KernelTable {
    switch environment {
    case nil, "":
      #if arch(x86_64)
        if Processor.hasX86V4 { return .x86V4 }
        if Processor.hasX86V3 { return .x86V3 }
      #endif
      return .portable
    case "portable": return .portable
    #if arch(x86_64)
      case "x86-64-v3":
        guard Processor.hasX86V3 else { throw .unsupportedProcessor(kernels: "x86-64-v3") }
        return .x86V3
      case "x86-64-v4":
        guard Processor.hasX86V4 else { throw .unsupportedProcessor(kernels: "x86-64-v4") }
        return .x86V4
    #endif
    case .some(let name): throw .unknownKernels(name)
    }
  }
}

/// One work item of attention: the query heads of one key/value head, for some tokens and a range of positions.
struct AttentionCall {
  /// `[token][head]` at `token × stride + head × headSize`
  var queries: UnsafePointer<Float>
  var output: UnsafeMutablePointer<Float>
  var stride: Int
  var tokens: Int
  var heads: Int
  var headSize: Int
  /// `[position][headSize]`
  var keys: UnsafeRawPointer
  var values: UnsafeRawPointer
  var areHalves: Bool
  /// Token `t` sees positions `firsts[t] ..< limits[t]`.
  var firsts: UnsafePointer<Int32>
  var limits: UnsafePointer<Int32>
  /// Of which these are taken.
  var begin: Int
  var end: Int
  var scale: Float
  /// 0: none.
  var softcap: Float
  /// nil: `output` receives the result. Otherwise `[token × heads + head][headSize + 2]` receives what the same table's
  /// `mergeAttention` needs: sums not yet divided, their largest score, the sum of weights.
  var partials: UnsafeMutablePointer<Float>?
}
