#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A new file that appears under its name only when it is complete.
///
/// Until `commit` it lives beside its place as `<path>.<process>-<random>.tmp`; without a commit it is removed at deinit.
final class AtomicFile {
  private let path: String
  let temporaryPath: String
  private let descriptor: Int32
  private var isCommitted = false

  init(path: String) throws(GGUFError) {
    guard !path.utf8.contains(0) else { throw .missingFile(file: path) }
    let random = String(UInt32.random(in: 0...UInt32.max), radix: 16)
    let temporaryPath = "\(path).\(getpid())-\(random).tmp"
    let descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw .systemCall(file: path, operation: "create", code: errno) }
    self.path = path
    self.temporaryPath = temporaryPath
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
    if !isCommitted { unlink(temporaryPath) }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(GGUFError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest)
      #if canImport(Darwin)
        let count = Darwin.write(descriptor, piece.baseAddress, min(piece.count, 1 << 30))
      #elseif canImport(Musl)
        let count = Musl.write(descriptor, piece.baseAddress, min(piece.count, 1 << 30))
      #else
        let count = Glibc.write(descriptor, piece.baseAddress, min(piece.count, 1 << 30))
      #endif
      if count < 0 {
        if errno == EINTR { continue }
        throw .systemCall(file: path, operation: "write", code: errno)
      }
      rest = rest.dropFirst(count)
    }
  }

  /// Makes the file durable, then visible under its name, replacing one that is there.
  func commit() throws(GGUFError) {
    guard fsync(descriptor) == 0 else { throw .systemCall(file: path, operation: "fsync", code: errno) }
    guard rename(temporaryPath, path) == 0 else {
      throw .systemCall(file: path, operation: "rename", code: errno)
    }
    isCommitted = true
  }
}
