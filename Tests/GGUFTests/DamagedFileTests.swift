import GGUF
import Testing

/// Damage at every place of a valid file: opening throws or succeeds, and what was opened can be read.
struct DamagedFileTests {
  private let bytes: [UInt8]
  private let headCount: Int

  init() throws {
    bytes = try sampleWriter().serialized()
    headCount = try #require(try GGUFFile(bytes: bytes).tensors.map(\.offset).min())
  }

  /// Opens and reads all there is; returns whether it opened.
  @discardableResult
  private func exercise(_ bytes: [UInt8]) -> Bool {
    do {
      let file = try GGUFFile(bytes: bytes)
      var sum = 0
      for tensor in file.tensors {
        file.withBytes(of: tensor) { for byte in $0 { sum &+= Int(byte) } }
        #expect(tensor.offset + tensor.byteCount <= bytes.count)
        #expect(tensor.elementCount == tensor.dimensions.reduce(1, *))
      }
      for key in file.metadata.keys { #expect(file.metadata[key] != nil) }
      return true
    } catch {
      #expect(!"\(error)".isEmpty)
      return false
    }
  }

  @Test func everyTruncation() throws {
    let last = try #require(try GGUFFile(bytes: bytes).tensors.last)
    let end = last.offset + last.byteCount
    for count in 0..<bytes.count {
      // Only the padding after the last tensor may be missing.
      #expect(exercise(Array(bytes.prefix(count))) == (count >= end), "\(count) bytes")
    }
  }

  @Test func everyByteOfTheHead() {
    for position in 0..<headCount {
      for change: UInt8 in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF] {
        var damaged = bytes
        damaged[position] ^= change
        exercise(damaged)
      }
    }
  }

  @Test func severalPlacesAtOnce() {
    var random = SplitMix(state: 42)
    for _ in 0..<20_000 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let position = Int.random(in: 0..<headCount, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: damaged[position] = UInt8.random(in: 0...255, using: &random)
        case 1: damaged[position] = 0xFF
        case 2: damaged.remove(at: position)
        default: damaged.insert(0, at: position)
        }
      }
      exercise(damaged)
    }
  }
}

/// A small seeded generator (Steele, Lea and Flood 2014), so that a failure can be repeated.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
