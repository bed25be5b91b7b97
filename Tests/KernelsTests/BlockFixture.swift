import Foundation
import GGUF
import Testing

/// Blocks made by other programs and the weights that they stand for; see Fixtures/blocks/README.md.
struct BlockFixture: CustomTestStringConvertible {
  let type: TensorType
  let origin: String
  let blocks: [UInt8]
  let expected: [Float]
  /// The float32 weights that the blocks were quantized from, if they were.
  let source: [Float]?

  var testDescription: String { "\(type.name), \(origin)" }

  static let all: [BlockFixture] = {
    do {
      return try load()
    } catch {
      fatalError("Fixtures/blocks cannot be read: \(error)")
    }
  }()

  private struct Entry: Decodable {
    let origin: String
    let weights: Int
    let blockBytes: Int
    let offset: Int
    let quantizedFrom: Int?
  }

  private static func load() throws -> [BlockFixture] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/blocks")
    let index = try JSONDecoder().decode(
      [String: [Entry]].self, from: Data(contentsOf: folder.appending(path: "index.json")))
    let sources = try [UInt8](Data(contentsOf: folder.appending(path: "F32.bin")))
    var fixtures: [BlockFixture] = []
    for type in TensorType.allCases {
      guard let entries = index[type.name] else { continue }
      let bytes = try [UInt8](Data(contentsOf: folder.appending(path: "\(type.name).bin")))
      for entry in entries {
        let middle = entry.offset + entry.blockBytes
        fixtures.append(
          BlockFixture(
            type: type, origin: entry.origin,
            blocks: Array(bytes[entry.offset..<middle]),
            expected: floats(bytes[middle..<middle + 4 * entry.weights]),
            source: entry.quantizedFrom.map { floats(sources[$0..<$0 + 4 * entry.weights]) }))
      }
    }
    return fixtures
  }

  private static func floats(_ bytes: ArraySlice<UInt8>) -> [Float] {
    bytes.withUnsafeBytes { raw in
      (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
  }
}
