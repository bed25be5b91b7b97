/// The keys and values of one sequence: `[layer][kvHead][position][headSize]`, half precision or float32.
///
/// Memory for `capacity` positions is reserved at once, but pages are touched only as positions are written, so a
/// large context costs what it holds. Appending never reallocates.
package final class KVStore: @unchecked Sendable {
  // @unchecked: written by the forward pass that owns the sequence; items write disjoint positions.
  package let capacity: Int
  package let layers: Int
  package let heads: Int
  package let headSize: Int
  package let areHalves: Bool
  private let memory: UnsafeMutableRawPointer
  private let elementBytes: Int

  package init(layers: Int, heads: Int, headSize: Int, capacity: Int, areHalves: Bool) {
    self.layers = layers
    self.heads = heads
    self.headSize = headSize
    self.capacity = capacity
    self.areHalves = areHalves
    elementBytes = areHalves ? 2 : 4
    // Not initialized: attention reads only positions between the first and the last that a row of the batch sees.
    memory = .allocate(
      byteCount: max(64, 2 * layers * heads * capacity * headSize * elementBytes), alignment: 64)
  }

  deinit { memory.deallocate() }

  /// Bytes that `positions` positions take.
  package func byteCount(positions: Int) -> Int { 2 * layers * heads * positions * headSize * elementBytes }

  func keys(layer: Int, head: Int) -> UnsafeMutableRawPointer {
    memory + ((layer * heads + head) * 2) * capacity * headSize * elementBytes
  }

  func values(layer: Int, head: Int) -> UnsafeMutableRawPointer {
    memory + ((layer * heads + head) * 2 + 1) * capacity * headSize * elementBytes
  }

  /// Writes one position's keys and values, `[kvHead][headSize]` each.
  func write(
    layer: Int, position: Int, keys: UnsafePointer<Float>, values: UnsafePointer<Float>, table: KernelTable
  ) {
    precondition(position >= 0 && position < capacity, "a position outside of the KV store")
    for head in 0..<heads {
      put(keys + head * headSize, self.keys(layer: layer, head: head), position, table)
      put(values + head * headSize, self.values(layer: layer, head: head), position, table)
    }
  }

  private func put(
    _ source: UnsafePointer<Float>, _ base: UnsafeMutableRawPointer, _ position: Int, _ table: KernelTable
  ) {
    let target = base + position * headSize * elementBytes
    if areHalves {
      table.toHalves(source, headSize, target.assumingMemoryBound(to: UInt16.self))
    } else {
      target.copyMemory(from: source, byteCount: 4 * headSize)
    }
  }

  /// Copies positions `0 ..< count` of every layer from a store of the same shape.
  package func copyPrefix(of other: KVStore, count: Int) {
    precondition(
      layers == other.layers && heads == other.heads && headSize == other.headSize
        && areHalves == other.areHalves
        && count <= capacity && count <= other.capacity)
    let bytes = count * headSize * elementBytes
    for layer in 0..<layers {
      for head in 0..<heads {
        keys(layer: layer, head: head).copyMemory(
          from: other.keys(layer: layer, head: head), byteCount: bytes)
        values(layer: layer, head: head).copyMemory(
          from: other.values(layer: layer, head: head), byteCount: bytes)
      }
    }
  }
}
