import Synchronization

/// How often this process has asked for memory.
///
/// Benchmark counts calls of malloc only with an interposer in C beside it. On Linux with glibc this file does it instead: the
/// manifest tells the linker that `malloc` is the `counted_malloc` below, which counts and passes the call on to the name
/// that glibc keeps for that purpose. On other systems nothing is counted.
enum AllocationCounter {
  #if os(Linux) && canImport(Glibc)
    static var isCounting: Bool { true }
  #else
    static var isCounting: Bool { false }
  #endif

  /// Calls of `malloc`, `calloc`, `realloc`, `aligned_alloc` and `posix_memalign` since the process began, on all threads.
  static var count: Int { calls.load(ordering: .relaxed) }

  fileprivate static let calls = Atomic<Int>(0)
}

#if os(Linux) && canImport(Glibc)
  @_silgen_name("__libc_malloc") private func libraryMalloc(_ size: Int) -> UnsafeMutableRawPointer?
  @_silgen_name("__libc_calloc") private func libraryCalloc(_ count: Int, _ size: Int)
    -> UnsafeMutableRawPointer?
  @_silgen_name("__libc_realloc") private func libraryRealloc(
    _ old: UnsafeMutableRawPointer?, _ size: Int
  ) -> UnsafeMutableRawPointer?
  @_silgen_name("__libc_memalign") private func libraryAligned(
    _ alignment: Int, _ size: Int
  ) -> UnsafeMutableRawPointer?

  private func count() { AllocationCounter.calls.wrappingAdd(1, ordering: .relaxed) }

  @_cdecl("counted_malloc") public func countedMalloc(_ size: Int) -> UnsafeMutableRawPointer? {
    count()
    return libraryMalloc(size)
  }

  @_cdecl("counted_calloc") public func countedCalloc(_ number: Int, _ size: Int) -> UnsafeMutableRawPointer?
  {
    count()
    return libraryCalloc(number, size)
  }

  @_cdecl("counted_realloc") public func countedRealloc(
    _ old: UnsafeMutableRawPointer?, _ size: Int
  ) -> UnsafeMutableRawPointer? {
    count()
    return libraryRealloc(old, size)
  }

  @_cdecl("counted_aligned_alloc") public func countedAligned(_ alignment: Int, _ size: Int)
    -> UnsafeMutableRawPointer?
  {
    count()
    return libraryAligned(alignment, size)
  }

  /// 12 is ENOMEM. Callers keep to the rule that the alignment is a power of two.
  @_cdecl("counted_posix_memalign") public func countedAlignedForPOSIX(
    _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ size: Int
  ) -> Int32 {
    count()
    guard let memory = libraryAligned(alignment, size) else { return 12 }
    result.pointee = memory
    return 0
  }
#endif
