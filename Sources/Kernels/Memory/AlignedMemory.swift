import CProcessor

/// Memory on a 64-byte boundary, freed with its owner. Not zeroed: what is never touched costs no page.
package final class AlignedMemory: @unchecked Sendable {
  // @unchecked: only a holder; whoever writes through `base` owns the bytes for that time.
  let base: UnsafeMutableRawPointer
  package let byteCount: Int

  package init(byteCount: Int) {
    self.byteCount = byteCount
    let rounded = max(64, (byteCount + 63) & ~63)
    base = .allocate(byteCount: rounded, alignment: 64)
  }

  deinit { base.deallocate() }

  /// Gives memory that was freed, and that the allocator keeps for later, back to the system. Takes some milliseconds.
  package static func giveBackFreed() { mullama_give_back_freed() }
}
