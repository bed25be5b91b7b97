/// A binary min-heap of 64-bit numbers: (priority, position) in one word, so ties go to the leftmost.
package struct MergeQueue {
  private var heap: [UInt64] = []

  package init() {}

  mutating func removeAll() {
    heap.removeAll(keepingCapacity: true)
  }

  package mutating func push(_ value: UInt64) {
    var child = heap.count
    heap.append(value)
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[parent] > value else { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = value
  }

  package mutating func pop() -> UInt64? {
    guard let top = heap.first, let last = heap.popLast() else { return nil }
    let count = heap.count
    guard count > 0 else { return top }
    var parent = 0
    while true {
      var child = parent * 2 + 1
      guard child < count else { break }
      if child + 1 < count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < last else { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = last
    return top
  }
}
