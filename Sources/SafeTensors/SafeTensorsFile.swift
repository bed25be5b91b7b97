import GGUF

/// Tensors in safetensors format: one file, or several with an index, mapped and checked.
///
/// Opening reads the headers only; values are read from disk when they are first touched.
package final class SafeTensorsFile: Sendable {
  /// The file's path; of several files, the index's.
  package let path: String
  /// In the order of the headers, file after file.
  package let tensors: [SafeTensorInfo]
  /// `__metadata__` of all files.
  package let metadata: [String: String]
  private let files: [MappedFile]
  private let indices: [String: Int]

  /// Opens a `.safetensors` file, or an index (`….safetensors.index.json`) and the files it names beside it.
  ///
  /// - Throws: `SafeTensorsError`; `GGUFError` where the file itself cannot be opened.
  package static func open(_ path: String) throws -> SafeTensorsFile {
    path.hasSuffix(".json")
      ? try SafeTensorsIndex(path).open() : try SafeTensorsFile([MappedFile(path: path)], path: path)
  }

  /// Reads a file that is in memory.
  package convenience init(bytes: [UInt8], name: String = "memory") throws(SafeTensorsError) {
    try self.init([MappedFile(bytes: bytes, name: name)], path: name)
  }

  init(_ files: [MappedFile], path: String) throws(SafeTensorsError) {
    var tensors: [SafeTensorInfo] = []
    var indices: [String: Int] = [:]
    var metadata: [String: String] = [:]
    for (part, file) in files.enumerated() {
      let header = try SafeTensorsHeader(file, part: part)
      for tensor in header.tensors {
        guard indices.updateValue(tensors.count, forKey: tensor.name) == nil else {
          throw .duplicateTensor(file: file.path, tensor: tensor.name)
        }
        tensors.append(tensor)
      }
      metadata.merge(header.metadata) { first, _ in first }
    }
    self.path = path
    self.files = files
    self.tensors = tensors
    self.indices = indices
    self.metadata = metadata
  }

  package func tensor(_ name: String) -> SafeTensorInfo? { indices[name].map { tensors[$0] } }

  /// The tensor's bytes in the mapping, not copied; valid while this object lives.
  ///
  /// Hold the object in something that outlives the use, as for `GGUFFile.bytes(of:)`.
  ///
  /// - Parameter tensor: one of this file's `tensors`; another file's is a bug and may trap.
  package func bytes(of tensor: SafeTensorInfo) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      rebasing: files[tensor.part].bytes[tensor.offset..<tensor.offset + tensor.byteCount])
  }

  /// The sizes of all files.
  package var mappedByteCount: Int { files.reduce(0) { $0 + $1.count } }
}

extension SafeTensorsFile: FileMapping {
  package func advise(_ advice: MappedFile.Advice) {
    for file in files { file.advise(advice) }
  }
}
