#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Text that comes from a file or from standard input.
enum InputText {
  /// Longer texts are refused: tokenizing them would take the machine's memory.
  static let limit = 1 << 30

  static var isTerminal: Bool { isatty(0) == 1 }

  /// All of standard input.
  static func standardInput() throws(CommandError) -> String { try read(0, "standard input") }

  static func file(_ path: String) throws(CommandError) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotRead(file: path, code: errno) }
    defer { close(descriptor) }
    return try read(descriptor, path)
  }

  private static func read(_ descriptor: Int32, _ name: String) throws(CommandError) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = systemRead(descriptor, &chunk, chunk.count)
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw .cannotRead(file: name, code: errno)
      }
      guard bytes.count + count <= limit else { throw .tooLarge(file: name, limit: limit) }
      bytes.append(contentsOf: chunk[..<count])
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .notText(file: name) }
    return text
  }
}

private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
  read(descriptor, bytes, count)
}
