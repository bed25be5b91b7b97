#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that is being written beside the one it will replace; it goes away unless it is committed.
///
/// What is no regular file, such as `/dev/null` or a pipe, is written to directly: it must not be replaced.
final class PartialFile {
  /// As the user named it.
  private let name: String
  /// The file itself, where that name is a link to it.
  private let path: String
  private let temporary: String?
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private static let bufferSize = 1 << 20

  init(for path: String) throws {
    name = path
    var status = stat()
    let exists = stat(path, &status) == 0
    if exists, status.st_mode & S_IFMT == S_IFDIR { throw CommandError.cannotWrite(file: path, code: EISDIR) }
    let isReplaceable = !exists || status.st_mode & S_IFMT == S_IFREG
    self.path = exists ? Self.resolved(path) : path
    temporary = isReplaceable ? "\(self.path).\(getpid()).partial" : nil
    descriptor = open(temporary ?? path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw CommandError.cannotWrite(file: path, code: errno) }
    buffer.reserveCapacity(Self.bufferSize)
    if let temporary { Interruption.removeOnInterrupt(temporary) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    removeTemporary()
  }

  private static func resolved(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }

  private func removeTemporary() {
    guard let temporary else { return }
    unlink(temporary)
    Interruption.removeOnInterrupt(nil)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    if buffer.count + bytes.count > Self.bufferSize { try flush() }
    if bytes.count > Self.bufferSize { try writeAll(bytes) } else { buffer.append(contentsOf: bytes) }
  }

  /// Replaces the target by what has been written.
  func commit() throws {
    try flush()
    let result = close(descriptor)
    let code = errno
    descriptor = -1
    defer { removeTemporary() }
    guard result == 0 else { throw CommandError.cannotWrite(file: name, code: code) }
    guard let temporary else { return }
    guard rename(temporary, path) == 0 else { throw CommandError.cannotWrite(file: name, code: errno) }
  }

  private func flush() throws {
    try buffer.withUnsafeBytes { try writeAll($0) }
    buffer.removeAll(keepingCapacity: true)
  }

  private func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
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
        throw CommandError.cannotWrite(file: name, code: errno)
      }
    }
  }
}
