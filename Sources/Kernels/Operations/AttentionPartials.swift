import Synchronization

/// What the parts of split attention items leave until the last of them merges them, and how many are done.
final class AttentionPartials {
  let floatCount: Int
  let groupCount: Int
  private let memory: AlignedMemory
  /// Parts done of each group; 0 between regions.
  private let finished: UnsafeMutablePointer<Atomic<Int>>

  /// `groups`: results to be merged, each from its own parts.
  init(floats: Int, groups: Int) {
    floatCount = floats
    groupCount = groups
    memory = AlignedMemory(byteCount: 4 * floats)
    finished = .allocate(capacity: groups)
    for group in 0..<groups { (finished + group).initialize(to: Atomic(0)) }
  }

  deinit {
    finished.deinitialize(count: groupCount)
    finished.deallocate()
  }

  var base: UnsafeMutablePointer<Float> { memory.base.assumingMemoryBound(to: Float.self) }

  /// Counts one part of a group; true for the last of `parts`, which sees what all others wrote.
  func finishPart(of group: Int, parts: Int) -> Bool {
    let last = finished[group].wrappingAdd(1, ordering: .acquiringAndReleasing).newValue == parts
    if last { finished[group].store(0, ordering: .relaxed) }
    return last
  }
}
