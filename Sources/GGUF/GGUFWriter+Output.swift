extension GGUFWriter {
  /// The whole file in memory.
  package func serialized() throws(GGUFError) -> [UInt8] {
    let file = "memory"
    let layout = try layout(file: file)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(layout.byteCount)
    try emit(layout, file: file) { piece throws(GGUFError) in bytes.append(contentsOf: piece) }
    return bytes
  }

  /// Writes the file under a temporary name in the same folder, then renames it: `path` is the old file or the
  /// complete new one, never something between. Each piece that a source hands out is one system call.
  ///
  /// - Parameter temporary: called with the temporary name before anything is written, for those who want to remove the
  ///   file if the process is interrupted.
  package func write(to path: String, temporary: (String) -> Void = { _ in }) throws(GGUFError) {
    let layout = try layout(file: path)
    let output = try AtomicFile(path: path)
    temporary(output.temporaryPath)
    try emit(layout, file: path) { piece throws(GGUFError) in try output.write(piece) }
    try output.commit()
  }

  private func emit(_ layout: Layout, file: String, to sink: Sink) throws(GGUFError) {
    try emit(layout.head, to: sink)
    let zeros = [UInt8](repeating: 0, count: layout.alignment)
    for (tensor, info) in zip(tensors, layout.tensors) {
      var written = 0
      try tensor.source { piece throws(GGUFError) in
        written += piece.count
        // Before the surplus is written, so that a source that never ends does not fill the disk.
        guard written <= info.byteCount else {
          throw .tensorByteCount(file: file, tensor: info.name, expected: info.byteCount, found: written)
        }
        try sink(piece)
      }
      guard written == info.byteCount else {
        throw .tensorByteCount(file: file, tensor: info.name, expected: info.byteCount, found: written)
      }
      let padding = Alignment.roundUp(written, to: layout.alignment) - written
      if padding > 0 { try emit(Array(zeros.prefix(padding)), to: sink) }
    }
  }

  private func emit(_ bytes: [UInt8], to sink: Sink) throws(GGUFError) {
    try bytes.withUnsafeBufferPointer { buffer throws(GGUFError) in try sink(UnsafeRawBufferPointer(buffer)) }
  }
}
