import GGUF
import Kernels
import TestSupport

/// Random blocks of any format, with scales of ordinary size; every code and every bit pattern of the rest occurs.
enum RandomWeights {
  /// Where a block keeps its Float16 scales. MXFP4 and IQ1_M have other kinds, see `setScales`.
  private static func halfScales(_ type: TensorType) -> [Int] {
    switch type {
    case .q4_0, .q5_0, .q8_0, .iq4_nl, .iq4_xs, .iq1_s, .iq2_xxs, .iq2_xs, .iq2_s, .iq3_xxs, .iq3_s: [0]
    case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
    case .q2_K: [80, 82]
    case .q3_K: [108]
    case .q6_K: [208]
    case .tq1_0: [52]
    case .tq2_0: [64]
    default: []
    }
  }

  /// The bytes of `count` weights, a multiple of the block.
  static func bytes(_ type: TensorType, count: Int, _ random: inout SplitMix64) -> [UInt8] {
    switch type {
    case .f32: return words(count, &random) { $0.bitPattern }
    case .f16: return words(count, &random) { Float16($0).bitPattern }
    case .bf16: return words(count, &random) { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) }
    default:
      var bytes = random.bytes(count / type.block.weights * type.block.bytes)
      for start in stride(from: 0, to: bytes.count, by: type.block.bytes) {
        setScales(type, &bytes, at: start) {
          Float16((0.01 + 0.09 * random.uniform()) * (random.next() & 1 == 0 ? 1 : -1))
        }
      }
      return bytes
    }
  }

  /// Replaces the scales of the block at `start`.
  static func setScales(_ type: TensorType, _ bytes: inout [UInt8], at start: Int, _ scale: () -> Float16) {
    for offset in halfScales(type) { put(scale().bitPattern, &bytes, start + offset) }
    if type == .mxfp4 { bytes[start] = 120 + bytes[start] % 8 }
    if type == .iq1_m {
      let bits = scale().bitPattern
      for i in 0..<4 {
        let high = start + 48 + 2 * i + 1
        bytes[high] = bytes[high] & 0x0F | UInt8(truncatingIfNeeded: bits >> (4 * UInt16(i)) & 15) << 4
      }
    }
  }

  static func matrix(_ type: TensorType, rows: Int, columns: Int, seed: UInt64) throws -> WeightMatrix {
    var random = SplitMix64(seed: seed)
    return try matrix(type, rows: rows, columns: columns, bytes(type, count: rows * columns, &random))
  }

  static func matrix(_ type: TensorType, rows: Int, columns: Int, _ bytes: [UInt8]) throws -> WeightMatrix {
    let owner = OwnedBytes(bytes)
    return try WeightMatrix(
      UnsafeRawBufferPointer(owner.bytes), owner: owner, type: type, rows: rows, columns: columns)
  }

  private static func words<Word: FixedWidthInteger>(
    _ count: Int, _ random: inout SplitMix64, _ word: (Float) -> Word
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * MemoryLayout<Word>.size)
    for _ in 0..<count {
      let value = word(random.normal())
      for i in 0..<MemoryLayout<Word>.size { bytes.append(UInt8(truncatingIfNeeded: value >> Word(8 * i))) }
    }
    return bytes
  }

  private static func put(_ bits: UInt16, _ bytes: inout [UInt8], _ offset: Int) {
    bytes[offset] = UInt8(truncatingIfNeeded: bits)
    bytes[offset + 1] = UInt8(truncatingIfNeeded: bits >> 8)
  }
}

/// Bytes at an odd address, as in a mapped file.
final class OwnedBytes {
  private let memory: UnsafeMutableRawBufferPointer
  var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: memory[1...]) }

  init(_ source: [UInt8]) {
    memory = .allocate(byteCount: source.count + 1, alignment: 64)
    bytes.copyBytes(from: source)
  }

  deinit { memory.deallocate() }
}
