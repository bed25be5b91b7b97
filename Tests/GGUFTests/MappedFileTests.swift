import Foundation
import GGUF
import Testing

struct MappedFileTests {
  @Test func mapsAFile() throws {
    let folder = try TemporaryFolder()
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
    let file = try MappedFile(path: folder.write(bytes, as: "f"))
    #expect(file.count == 10_000)
    #expect(file.copy == bytes)
    for advice: MappedFile.Advice in [.normal, .sequential, .random, .willNeed, .hugePages] {
      file.advise(advice)
    }
    #expect(file.copy == bytes)
  }

  @Test func outlivesTheNameOfItsFile() throws {
    let folder = try TemporaryFolder()
    let file = try MappedFile(path: folder.write([1, 2, 3], as: "f"))
    try FileManager.default.removeItem(atPath: file.path)
    #expect(file.copy == [1, 2, 3])
  }

  @Test func memoryIsAligned() {
    for count in [0, 1, 63, 1000] {
      let file = MappedFile(bytes: [UInt8](repeating: 7, count: count), name: "m")
      #expect(file.path == "m")
      #expect(file.count == count)
      #expect(file.copy.allSatisfy { $0 == 7 })
      #expect(Int(bitPattern: file.bytes.baseAddress) % 64 == 0)
      file.advise(.willNeed)
    }
  }

  @Test func whatIsNotARegularFile() throws {
    let folder = try TemporaryFolder()
    let missing = folder.path("missing")
    #expect(throws: GGUFError.missingFile(file: missing)) { try MappedFile(path: missing) }
    let inFile = try folder.write([1], as: "f") + "/g"
    #expect(throws: GGUFError.missingFile(file: inFile)) { try MappedFile(path: inFile) }
    #expect(throws: GGUFError.directory(file: folder.path)) { try MappedFile(path: folder.path) }
    #expect(throws: GGUFError.notRegularFile(file: "/dev/null")) { try MappedFile(path: "/dev/null") }
    let nul = folder.path("f") + "\0.gguf"
    #expect(throws: GGUFError.missingFile(file: nul)) { try MappedFile(path: nul) }
    let empty = try folder.write([], as: "empty")
    #expect(throws: GGUFError.emptyFile(file: empty)) { try MappedFile(path: empty) }
  }

  @Test func aPipeDoesNotBlock() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.path("pipe")
    try #require(mkfifo(pipe, 0o600) == 0)
    #expect(throws: GGUFError.notRegularFile(file: pipe)) { try MappedFile(path: pipe) }
  }
}
