import GGUF

/// Products of a pair of packed factors (`PackedPair`), for tables that have them.
///
/// A class: who calls one of them for each tile would copy, and count, all of a structure's.
final class FactorKernels: Sendable {
  /// Are a matrix's factors packed? Its own kernels make integers of activations, and rows are whole blocks.
  let packs: @Sendable (_ weight: TensorType) -> Bool
  /// What `project` reads of the input that a matrix of this type multiplies: nothing that the matrix does not read too.
  let forms: @Sendable (_ weight: TensorType, _ width: BatchWidth) -> ActivationForms
  /// `h[token × stride + k] = a[k] · x[token]`, where `a` is Q8_0, perhaps with a scale that each two blocks share, and stands
  /// beside a matrix of type `weight`. Many tokens are read as that matrix reads them, few as float32, of which it makes 16-bit integers.
  let project: Project
  typealias Project =
    @Sendable (
      _ a: WeightTile, _ sharesScales: Bool, _ weight: TensorType, _ x: ActivationView, _ tokens: Int,
      _ h: UnsafeMutablePointer<Float>, _ stride: Int, _ scratch: UnsafeMutableRawPointer
    ) -> Void
  /// Makes 16-bit integers of `factor × h` for some tokens of a part of rank `rank`, from its column on.
  let quantize: Quantize
  typealias Quantize =
    @Sendable (_ h: HiddenRows, _ column: Int, _ rank: Int, _ tokens: Int, _ factor: Float) -> Void
  /// `y[token × stride + row] += gain[row] × b[row] · h[token]` for rows `first ..< first + count` of the factor: `first` is
  /// a multiple of 16, and the first of `y` and `gain`.
  let add: Add
  typealias Add =
    @Sendable (
      _ b: FactorPanels, _ first: Int, _ count: Int, _ h: HiddenRows, _ column: Int, _ tokens: Int,
      _ gain: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>, _ stride: Int
    ) -> Void

  init(
    packs: @escaping @Sendable (TensorType) -> Bool,
    forms: @escaping @Sendable (TensorType, BatchWidth) -> ActivationForms, project: @escaping Project,
    quantize: @escaping Quantize, add: @escaping Add
  ) {
    self.packs = packs
    self.forms = forms
    self.project = project
    self.quantize = quantize
    self.add = add
  }
}

/// A packed B as kernels see it (the layout: `KernelsX86V3/FactorPacking.swift`).
struct FactorPanels {
  let base: UnsafeRawPointer
  let rank: Int
  /// Of 16 rows.
  let panelBytes: Int

  /// The panel that begins with `row`, a multiple of 16.
  @inline(__always) func panel(row: Int) -> UnsafeRawPointer { base + row / 16 * panelBytes }
}
