#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that is being written beside the one it will replace; it goes away unless it is committed.
final class PartialFile {
  private let path: String
  private let temporary: String
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private static let bufferSize = 1 << 20

  init(for path: String) throws(CommandError) {
    self.path = path
    temporary = "\(path).\(getpid()).partial"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw .cannotWrite(file: path, code: errno) }
    buffer.reserveCapacity(Self.bufferSize)
    Interruption.removeOnInterrupt(temporary)
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporary)
    Interruption.removeOnInterrupt(nil)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(CommandError) {
    if buffer.count + bytes.count > Self.bufferSize { try flush() }
    if bytes.count > Self.bufferSize { try writeAll(bytes) } else { buffer.append(contentsOf: bytes) }
  }

  /// Replaces the target by what has been written.
  func commit() throws(CommandError) {
    try flush()
    let result = close(descriptor)
    let code = errno
    descriptor = -1
    defer { Interruption.removeOnInterrupt(nil) }
    guard result == 0 else {
      unlink(temporary)
      throw .cannotWrite(file: path, code: code)
    }
    guard rename(temporary, path) == 0 else {
      let code = errno
      unlink(temporary)
      throw .cannotWrite(file: path, code: code)
    }
  }

  private func flush() throws(CommandError) {
    let full = buffer
    try full.withUnsafeBytes { bytes throws(CommandError) in try writeAll(bytes) }
    buffer.removeAll(keepingCapacity: true)
  }

  private func writeAll(_ bytes: UnsafeRawBufferPointer) throws(CommandError) {
    var rest = bytes
    while !rest.isEmpty {
      #if canImport(Darwin)
        let count = Darwin.write(descriptor, rest.baseAddress, rest.count)
      #elseif canImport(Musl)
        let count = Musl.write(descriptor, rest.baseAddress, rest.count)
      #else
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
      #endif
      if count > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
      } else if errno != EINTR {
        throw .cannotWrite(file: path, code: errno)
      }
    }
  }
}
