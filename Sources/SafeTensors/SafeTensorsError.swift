/// Why a safetensors file cannot be read: the facts. The wording is in `description`.
public enum SafeTensorsError: Error, Equatable, Sendable {
  /// `expected` is the least size in bytes that what was read so far needs, saturating at `UInt64.max`.
  case truncated(file: String, what: String, expected: UInt64, found: UInt64)
  /// A Git LFS pointer in the file's place, or a web page.
  case notTheFile(file: String, found: String)
  case headerTooLarge(file: String, limit: Int, found: UInt64)
  /// The header is not the JSON that the format asks for.
  case invalidHeader(file: String, error: JSONError)
  /// A member of the header is not what the format asks for.
  case invalidEntry(file: String, tensor: String, key: String, expected: String, found: String)
  case unknownType(file: String, tensor: String, found: String)
  case tensorTooLarge(file: String, tensor: String, shape: [Int])
  /// Shape and type need `expected` bytes, the offsets give `found`.
  case wrongSize(file: String, tensor: String, expected: Int, found: Int)
  case outOfRange(file: String, tensor: String, end: Int, limit: Int)
  case overlappingTensors(file: String, first: String, second: String)
  /// Bytes that belong to no tensor; offsets count from the beginning of the data.
  case hole(file: String, offset: Int, byteCount: Int)
  case duplicateTensor(file: String, tensor: String)

  // Files that are split, with an index beside them
  case invalidIndex(file: String, reason: String)
  case missingTensor(file: String, tensor: String)
}

extension SafeTensorsError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .truncated(let file, let what, let expected, let found):
      "\(file): the file is incomplete or no safetensors file: \(what) needs "
        + (expected == .max ? "more bytes than any file has" : "\(expected) bytes")
        + ", but there are \(found)"
    case .notTheFile(let file, let found):
      "\(file): not the file itself, but \(found)"
    case .headerTooLarge(let file, let limit, let found):
      "\(file): not a safetensors file: its header would have \(found) bytes; at most \(limit) are allowed"
    case .invalidHeader(let file, let error):
      "\(file): the header is not valid JSON, at \(error)"
    case .invalidEntry(let file, let tensor, let key, let expected, let found):
      "\(file): tensor '\(tensor)': \(key) is \(found), expected \(expected)"
    case .unknownType(let file, let tensor, let found):
      "\(file): tensor '\(tensor)' has the unknown type '\(found)'"
    case .tensorTooLarge(let file, let tensor, let shape):
      "\(file): tensor '\(tensor)' is \(shape), more than fits into memory addresses"
    case .wrongSize(let file, let tensor, let expected, let found):
      "\(file): tensor '\(tensor)' has \(found) bytes but its shape and type need \(expected)"
    case .outOfRange(let file, let tensor, let end, let limit):
      "\(file): tensor '\(tensor)' ends at byte \(end) of the data, which has \(limit); the file is incomplete"
    case .overlappingTensors(let file, let first, let second):
      "\(file): tensors '\(first)' and '\(second)' overlap"
    case .hole(let file, let offset, let byteCount):
      "\(file): \(byteCount) bytes at byte \(offset) of the data belong to no tensor"
    case .duplicateTensor(let file, let tensor):
      "\(file): the tensor '\(tensor)' is there twice"
    case .invalidIndex(let file, let reason):
      "\(file): not an index of safetensors files: \(reason)"
    case .missingTensor(let file, let tensor):
      "\(file): the tensor '\(tensor)', which the index promises, is missing"
    }
  }
}
