import GGUF
import Kernels

/// Matrices with the same pseudo-random content in each run. SplitMix64 (Steele et al. 2014).
struct RandomWeights {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Values between -1 and 1.
  mutating func floats(_ count: Int) -> [Float] {
    (0..<count).map { _ in Float(Int64(bitPattern: next()) >> 40) * 0x1p-23 }
  }

  mutating func matrix(rows: Int, columns: Int) -> Matrix {
    Matrix(rows: rows, columns: columns, floats(rows * columns))
  }

  /// Weights of any block format: random codes under scales of ordinary size.
  ///
  /// - Throws: `KernelError` if the format has no kernels or `columns` is no multiple of its blocks.
  mutating func weights(_ type: TensorType, rows: Int, columns: Int) throws -> WeightMatrix {
    let block = type.block, values = rows * columns
    var bytes = [UInt8](repeating: 0, count: values / block.weights * block.bytes)
    switch type {
    case .f32: store(floats(values).map(\.bitPattern), in: &bytes)
    case .f16: store(floats(values).map { Float16($0).bitPattern }, in: &bytes)
    case .bf16: store(floats(values).map { UInt16($0.bitPattern >> 16) }, in: &bytes)
    default:
      for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: next()) }
      let scale = Float16(0.01).bitPattern
      for first in stride(from: 0, to: bytes.count, by: block.bytes) {
        for offset in Self.scaleOffsets(type) {
          bytes[first + offset] = UInt8(truncatingIfNeeded: scale)
          bytes[first + offset + 1] = UInt8(truncatingIfNeeded: scale >> 8)
        }
      }
    }
    // A mapped file of memory: it keeps the bytes where they are.
    let owner = MappedFile(bytes: bytes, name: type.name)
    return try WeightMatrix(owner.bytes, owner: owner, type: type, rows: rows, columns: columns)
  }

  /// Where a block has half-precision scales, which random bits would make infinite. Source: ggml-common.h.
  private static func scaleOffsets(_ type: TensorType) -> [Int] {
    switch type {
    case .q4_0, .q5_0, .q8_0, .iq4_nl, .iq4_xs: [0]
    case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
    case .q2_K: [80, 82]
    case .q3_K: [108]
    case .q6_K: [208]
    default: []
    }
  }

  private func store<Word: FixedWidthInteger>(_ words: [Word], in bytes: inout [UInt8]) {
    let size = MemoryLayout<Word>.size
    for (index, word) in words.enumerated() {
      for byte in 0..<size { bytes[index * size + byte] = UInt8(truncatingIfNeeded: word >> (8 * byte)) }
    }
  }
}
