/// Scratch memory of each worker, sized once for the largest kernel call of a model.
final class WorkerScratch {
  private let memory: AlignedMemory
  private let bytesPerWorker: Int
  /// Floats of a worker's tile: as many as a tile has rows at most, and whole blocks of every format.
  static let tileFloats = 1 << 16

  /// `bytes` for kernels, beside the floats for one tile's results, for each of `workers`.
  init(workers: Int, bytes: Int) {
    bytesPerWorker = ((bytes + 63) & ~63) + 4 * Self.tileFloats + 64
    memory = AlignedMemory(byteCount: workers * bytesPerWorker)
  }

  func base(_ worker: Int) -> UnsafeMutableRawPointer {
    memory.base + worker * bytesPerWorker + 4 * Self.tileFloats
  }

  func tile(_ worker: Int) -> UnsafeMutablePointer<Float> {
    (memory.base + worker * bytesPerWorker).assumingMemoryBound(to: Float.self)
  }

  var byteCount: Int { memory.byteCount }
}
