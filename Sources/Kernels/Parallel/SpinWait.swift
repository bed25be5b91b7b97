import CProcessor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Waits for another thread's last few microseconds of work without leaving the processor.
///
/// Where cores are shared with other programs, that thread may have lost its core: after a while each turn offers ours.
@inline(__always)
func spinWait(until condition: () -> Bool) {
  var turns = 0
  while !condition() {
    mullama_spin_hint()
    turns += 1
    if turns > 2000 { sched_yield() }
  }
}
