/// `A·x` of the tokens of a region: float32, and as 16-bit integers with a scale for each 32 columns.
struct HiddenRows {
  /// `[token][columns]`, a multiple of 32.
  let floats: UnsafeMutablePointer<Float>
  let codes: UnsafeMutablePointer<Int16>
  /// `[token][columns / 32]`
  let scales: UnsafeMutablePointer<Float>
  let columns: Int

  func dropping(tokens count: Int) -> HiddenRows {
    HiddenRows(
      floats: floats + count * columns, codes: codes + count * columns,
      scales: scales + count * (columns / 32), columns: columns)
  }
}

/// Memory of `A·x` for a batch.
final class HiddenMemory {
  let tokens: Int
  let rows: HiddenRows
  private let memory: AlignedMemory

  /// `columns` are rounded up to whole blocks.
  init(tokens: Int, columns: Int) {
    let columns = LinearPlan.roundedUp(columns)
    self.tokens = tokens
    memory = AlignedMemory(byteCount: tokens * (columns * 6 + columns / 8))
    let floats = memory.base.bindMemory(to: Float.self, capacity: tokens * columns)
    let scales = UnsafeMutableRawPointer(floats + tokens * columns)
      .bindMemory(to: Float.self, capacity: tokens * columns / 32)
    let codes = UnsafeMutableRawPointer(scales + tokens * columns / 32)
      .bindMemory(to: Int16.self, capacity: tokens * columns)
    rows = HiddenRows(floats: floats, codes: codes, scales: scales, columns: columns)
  }
}
