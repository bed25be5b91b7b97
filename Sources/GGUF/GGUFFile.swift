/// A GGUF model: one file, or the parts of a split one, mapped and checked.
///
/// Opening reads header, metadata and tensor infos only; weights are read from disk when they are first touched.
package final class GGUFFile: Sendable {
  /// The file's path; of a split model, the first part's.
  package let path: String
  package let version: UInt32
  /// Every tensor's offset is a multiple of this from the start of the tensor data (of the first part, if split).
  package let alignment: Int
  package let metadata: Metadata
  /// In file order, part after part.
  package let tensors: [TensorInfo]
  private let files: [MappedFile]
  private let indices: [String: Int]

  /// Opens a file and, if it is a part of a split model, all the other parts beside it.
  package static func open(_ path: String) throws(GGUFError) -> GGUFFile {
    try GGUFFile(parts: FilePart.open(path))
  }

  /// Reads a file that is in memory, from a copy aligned to 64 bytes.
  package convenience init(bytes: [UInt8], name: String = "memory") throws(GGUFError) {
    let part = try FilePart(MappedFile(bytes: bytes, name: name))
    if let split = try SplitPosition(part.metadata) {
      throw .splitName(file: name, number: split.number, count: split.count)
    }
    try self.init(parts: [part])
  }

  /// - Parameter parts: at least one; the first one's metadata count.
  private init(parts: [FilePart]) throws(GGUFError) {
    path = parts[0].file.path
    version = parts[0].version
    alignment = parts[0].alignment
    metadata = parts[0].metadata
    files = parts.map(\.file)
    var tensors: [TensorInfo] = []
    var indices: [String: Int] = [:]
    indices.reserveCapacity(parts.reduce(0) { $0 + $1.tensors.count })
    for part in parts {
      for tensor in part.tensors {
        guard indices.updateValue(tensors.count, forKey: tensor.name) == nil else {
          throw .duplicateTensor(file: part.file.path, tensor: tensor.name)
        }
        tensors.append(tensor)
      }
    }
    self.tensors = tensors
    self.indices = indices
  }

  package func tensor(_ name: String) -> TensorInfo? {
    indices[name].map { tensors[$0] }
  }

  /// The tensor's bytes in the mapping, not copied; valid while this object lives.
  ///
  /// The optimizer may release a local object after its last mention, before the pointer is done with: hold the object in
  /// something that outlives the use, or call `withBytes`.
  ///
  /// - Parameter tensor: one of this file's `tensors`; another file's is a bug and may trap.
  package func bytes(of tensor: TensorInfo) -> UnsafeRawBufferPointer {
    let bytes = files[tensor.part].bytes
    let (end, overflow) = tensor.offset.addingReportingOverflow(tensor.byteCount)
    precondition(tensor.offset >= 0 && !overflow && end <= bytes.count, "a tensor of another file")
    return UnsafeRawBufferPointer(rebasing: bytes[tensor.offset..<end])
  }

  /// Calls `body` with the tensor's bytes, keeping the mapping alive until it returns.
  package func withBytes<R, E>(
    of tensor: TensorInfo, _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    defer { withExtendedLifetime(self) {} }
    return try body(bytes(of: tensor))
  }

  /// The paths of all parts.
  package var paths: [String] { files.map(\.path) }

  /// The sizes of all parts.
  package var mappedByteCount: Int { files.reduce(0) { $0 + $1.count } }

  package func advise(_ advice: MappedFile.Advice) {
    for file in files { file.advise(advice) }
  }
}
