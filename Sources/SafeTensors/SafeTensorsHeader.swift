import GGUF

/// The header of one safetensors file, read and checked: every byte of the data belongs to exactly one tensor.
///
/// Format: eight bytes of header length (little endian), a JSON object from names to `dtype`, `shape` and
/// `data_offsets` (from the end of the header), then the data. Source: the README of huggingface/safetensors.
struct SafeTensorsHeader {
  let tensors: [SafeTensorInfo]
  let metadata: [String: String]

  /// What the format itself allows.
  private static let sizeLimit = 100_000_000
  /// A tensor has about ten values: two million leave room for any real file and bound what a false one takes.
  private static let valueLimit = 2_000_000

  /// What a file is that begins like no safetensors file, and what to do; nil: nothing known.
  private static func foreign(_ start: [UInt8]) -> String? {
    switch ForeignFormat(start: start) {
    case .gitLFSPointer: "a Git LFS pointer; fetch it with `git lfs pull`"
    case .webPage: "a web page, perhaps an error page saved by a download; fetch it again"
    case .zip, .pickle: "one that PyTorch pickled, under another name; save it as safetensors"
    case .safetensors, .gzip, .zstandard, .json, .legacyGGML, .unknown: nil
    }
  }

  init(_ file: MappedFile, part: Int) throws(SafeTensorsError) {
    let path = file.path
    guard file.count >= 8 else {
      throw .truncated(file: path, what: "the header's length", expected: 8, found: UInt64(file.count))
    }
    let length = file.withBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    guard length <= UInt64(Self.sizeLimit) else {
      if let found = file.withBytes({ Self.foreign(Array($0.prefix(64))) }) {
        throw .notTheFile(file: path, found: found)
      }
      throw .headerTooLarge(file: path, limit: Self.sizeLimit, found: length)
    }
    let dataStart = 8 + Int(length)
    guard dataStart <= file.count else {
      throw .truncated(
        file: path, what: "the header", expected: UInt64(dataStart), found: UInt64(file.count))
    }
    let text = file.withBytes { Array($0[8..<dataStart]) }
    guard text.first == UInt8(ascii: "{") else {
      throw .invalidHeader(file: path, error: JSONError(offset: 0, reason: "expected '{'"))
    }
    let root: JSON
    do { root = try JSON.parse(text, valueLimit: Self.valueLimit) } catch {
      throw .invalidHeader(file: path, error: error)
    }
    var tensors: [SafeTensorInfo] = []
    var metadata: [String: String] = [:]
    for (name, value) in root.members ?? [] {
      if name == "__metadata__" {
        metadata = try Self.metadata(value, path)
      } else {
        tensors.append(
          try Self.tensor(name, value, path, part: part, dataStart: dataStart, fileSize: file.count))
      }
    }
    try Self.checkCoverage(tensors, path, dataStart: dataStart, fileSize: file.count)
    self.tensors = tensors
    self.metadata = metadata
  }

  private static func metadata(_ value: JSON, _ path: String) throws(SafeTensorsError) -> [String: String] {
    guard let members = value.members else {
      throw .invalidEntry(
        file: path, tensor: "__metadata__", key: "value", expected: "an object", found: value.excerpt())
    }
    var found: [String: String] = [:]
    for (key, value) in members {
      guard let text = value.string else {
        throw .invalidEntry(
          file: path, tensor: "__metadata__", key: key, expected: "a string", found: value.excerpt())
      }
      found[key] = text
    }
    return found
  }

  private static func tensor(
    _ name: String, _ value: JSON, _ path: String, part: Int, dataStart: Int, fileSize: Int
  ) throws(SafeTensorsError) -> SafeTensorInfo {
    func invalid(_ key: String, _ expected: String, _ found: JSON?) -> SafeTensorsError {
      .invalidEntry(
        file: path, tensor: name, key: key, expected: expected, found: found?.excerpt() ?? "missing")
    }
    guard let members = value.members else { throw invalid("value", "an object", value) }
    for (key, found) in members where !["dtype", "shape", "data_offsets"].contains(key) {
      throw invalid(key, "no such key", found)
    }
    guard let typeName = value["dtype"]?.string else { throw invalid("dtype", "a string", value["dtype"]) }
    guard let type = SafeTensorType(rawValue: typeName) else {
      throw .unknownType(file: path, tensor: name, found: typeName)
    }
    func lengths(_ key: String) throws(SafeTensorsError) -> [Int] {
      let found = value[key]?.array?.compactMap(\.int)
      guard let found, found.count == value[key]?.array?.count, found.allSatisfy({ $0 >= 0 }) else {
        throw invalid(key, "an array of whole numbers from 0 on", value[key])
      }
      return found
    }
    let shape = try lengths("shape")
    let offsets = try lengths("data_offsets")
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw invalid("data_offsets", "a beginning and an end", value["data_offsets"])
    }
    var byteCount = type.byteCount
    for dimension in shape {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: dimension)
      guard !overflow else { throw .tensorTooLarge(file: path, tensor: name, shape: shape) }
      byteCount = product
    }
    guard offsets[1] <= fileSize - dataStart else {
      throw .outOfRange(file: path, tensor: name, end: offsets[1], limit: fileSize - dataStart)
    }
    guard byteCount == offsets[1] - offsets[0] else {
      throw .wrongSize(file: path, tensor: name, expected: byteCount, found: offsets[1] - offsets[0])
    }
    return SafeTensorInfo(
      name: name, type: type, shape: shape, part: part, offset: dataStart + offsets[0], byteCount: byteCount)
  }

  private static func checkCoverage(
    _ tensors: [SafeTensorInfo], _ path: String, dataStart: Int, fileSize: Int
  ) throws(SafeTensorsError) {
    var end = dataStart
    var last = ""
    for tensor in tensors.sorted(by: { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }) {
      guard tensor.offset >= end else {
        throw .overlappingTensors(file: path, first: last, second: tensor.name)
      }
      guard tensor.offset == end else {
        throw .hole(file: path, offset: end - dataStart, byteCount: tensor.offset - end)
      }
      end += tensor.byteCount
      last = tensor.name
    }
    guard end == fileSize else {
      throw .hole(file: path, offset: end - dataStart, byteCount: fileSize - end)
    }
  }
}
