/// Scratch memory of each worker, sized once for the largest kernel call of a model.
final class WorkerScratch {
  private let memory: AlignedMemory
  private let bytesPerWorker: Int
  private let tileFloats: Int

  /// `bytes` for kernels and `tileFloats` floats for one tile's results, for each of `workers`.
  init(workers: Int, bytes: Int, tileFloats: Int) {
    self.tileFloats = tileFloats
    bytesPerWorker = ((bytes + 63) & ~63) + ((4 * tileFloats + 63) & ~63) + 64
    memory = AlignedMemory(byteCount: workers * bytesPerWorker)
  }

  func base(_ worker: Int) -> UnsafeMutableRawPointer {
    memory.base + worker * bytesPerWorker + ((4 * tileFloats + 63) & ~63)
  }

  func tile(_ worker: Int) -> UnsafeMutablePointer<Float> {
    (memory.base + worker * bytesPerWorker).assumingMemoryBound(to: Float.self)
  }

  var byteCount: Int { memory.byteCount }
}
