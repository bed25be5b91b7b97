#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Bytes that end exactly where memory ends: reading one byte further, or one page before, kills the process.
final class GuardedBytes {
  private let mapping: UnsafeMutableRawPointer
  private let length: Int
  let bytes: UnsafeMutableRawBufferPointer

  init(_ source: [UInt8]) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let inner = max(page, (source.count + page - 1) / page * page)
    length = inner + 2 * page
    #if canImport(Darwin)
      let anonymous = MAP_ANON
    #else
      let anonymous = MAP_ANONYMOUS
    #endif
    guard
      let start = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | anonymous, -1, 0),
      start != MAP_FAILED
    else { fatalError("no memory for a guarded allocation") }
    mapping = start
    bytes = UnsafeMutableRawBufferPointer(start: start + page + inner - source.count, count: source.count)
    bytes.copyBytes(from: source)
    guard mprotect(start, page, PROT_NONE) == 0, mprotect(start + page + inner, page, PROT_NONE) == 0 else {
      fatalError("the guard pages cannot be protected")
    }
  }

  deinit { munmap(mapping, length) }
}
