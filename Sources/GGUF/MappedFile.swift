#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A read-only memory mapping of a file, unmapped at deinit.
///
/// Pages are read when they are first touched. If another process shortens the file while it is mapped, touching
/// the lost part kills this process (SIGBUS); replacing the file by renaming another over it is safe.
package final class MappedFile: Sendable {
  /// How the mapping is about to be used; a hint that costs nothing when it is wrong.
  package enum Advice: Sendable {
    case normal, sequential, random, willNeed, hugePages
    /// Its pages leave this process's memory; what is touched again comes back from the system's cache, or the disk.
    case notNeeded
  }

  package let path: String
  package let count: Int
  /// Never written after `init`, and freed only by `deinit`: any thread that holds the object may read.
  nonisolated(unsafe) private let start: UnsafeRawPointer
  private let isMapping: Bool

  /// Maps a regular file that has at least one byte.
  package init(path: String) throws(GGUFError) {
    // A NUL would end the path early and open another file than the one named.
    guard !path.utf8.contains(0) else { throw .missingFile(file: path) }
    // Without O_NONBLOCK, opening a named pipe waits for a writer for ever.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      if code == ENOENT || code == ENOTDIR { throw .missingFile(file: path) }
      throw .systemCall(file: path, operation: "open", code: code)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .systemCall(file: path, operation: "fstat", code: errno)
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw .directory(file: path)
    default: throw .notRegularFile(file: path)
    }
    let size = Int(status.st_size)
    guard size > 0 else { throw .emptyFile(file: path) }
    guard let mapping = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), mapping != MAP_FAILED else {
      throw .systemCall(file: path, operation: "mmap", code: errno)
    }
    self.path = path
    count = size
    start = UnsafeRawPointer(mapping)
    isMapping = true
  }

  /// An owned copy of `bytes` in memory, aligned to 64 bytes, that behaves like a mapped file called `name`.
  package init(bytes: [UInt8], name: String) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 64)
    copy.copyBytes(from: bytes)
    path = name
    count = bytes.count
    start = UnsafeRawPointer(copy.baseAddress!)
    isMapping = false
  }

  deinit {
    let memory = UnsafeMutableRawPointer(mutating: start)
    if isMapping {
      munmap(memory, count)
    } else {
      memory.deallocate()
    }
  }

  /// The whole file; valid while this object lives.
  ///
  /// The optimizer may release a local object after its last mention, before the pointer is done with: hold the object in
  /// something that outlives the use, or call `withBytes`.
  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

  /// Calls `body` with the whole file, keeping the mapping alive until it returns.
  package func withBytes<R, E>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    defer { withExtendedLifetime(self) {} }
    return try body(bytes)
  }

  /// Tells the kernel how the mapping will be used. A refusal changes speed only, so it is ignored.
  package func advise(_ advice: Advice) {
    guard isMapping else { return }
    let value: Int32
    switch advice {
    case .normal: value = MADV_NORMAL
    case .sequential: value = MADV_SEQUENTIAL
    case .random: value = MADV_RANDOM
    case .willNeed: value = MADV_WILLNEED
    case .notNeeded: value = MADV_DONTNEED
    case .hugePages:
      #if os(Linux) || os(Android)
        value = MADV_HUGEPAGE
      #else
        return
      #endif
    }
    _ = madvise(UnsafeMutableRawPointer(mutating: start), count, value)
  }
}

/// Whoever holds mapped files whose bytes others view.
package protocol FileMapping: AnyObject {
  func advise(_ advice: MappedFile.Advice)
}

extension GGUFFile: FileMapping {}
