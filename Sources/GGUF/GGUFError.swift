/// Why a GGUF file could not be opened, read or written: the facts. The wording is in `description`.
///
/// `file` is the path as it was given; in a split model, the path of the part that is wrong.
public enum GGUFError: Error, Equatable, Sendable {
  // The file itself
  case missingFile(file: String)
  case directory(file: String)
  case notRegularFile(file: String)
  case emptyFile(file: String)
  /// The operating system refused; `code` is `errno`.
  case systemCall(file: String, operation: String, code: Int32)

  // Header
  case notGGUF(file: String, found: ForeignFormat)
  case unsupportedVersion(file: String, found: UInt32)
  case bigEndian(file: String)

  // Anywhere
  /// `expected` is the least file size, in bytes, that what was read so far needs (saturating at `UInt64.max`);
  /// `found` is the size of the file.
  case truncated(file: String, place: Place, expected: UInt64, found: UInt64)
  case nameLength(file: String, place: Place, limit: Int, found: UInt64)
  /// `index` counts the strings of an array.
  case invalidUTF8(file: String, place: Place, index: Int?)

  // Metadata
  case duplicateKey(file: String, key: String)
  case unknownValueType(file: String, key: String, found: UInt32)
  case arrayTooDeep(file: String, key: String, limit: Int)
  /// Of strings or of arrays.
  case arrayTooLong(file: String, key: String, limit: Int, found: Int)
  case invalidBool(file: String, key: String, index: Int?, found: UInt8)
  case invalidAlignment(file: String, found: Int)
  case missingKey(file: String, key: String, expected: String)
  case wrongType(file: String, key: String, expected: String, found: String)
  case valueOutOfRange(file: String, key: String, expected: String, found: String)

  // Tensors
  case duplicateTensor(file: String, tensor: String)
  case unknownTensorType(file: String, tensor: String, found: UInt32)
  case dimensionCount(file: String, tensor: String, found: Int)
  /// `found` is the 64 bits of the file as a signed number.
  case invalidDimension(file: String, tensor: String, index: Int, found: Int64)
  case tensorTooLarge(file: String, tensor: String, dimensions: [Int])
  /// The first dimension must be a multiple of `expected`, the weights per block of `type`.
  case partialBlock(file: String, tensor: String, type: String, expected: Int, found: Int)
  case misalignedTensor(file: String, tensor: String, expected: Int, found: UInt64)
  case overlappingTensors(file: String, first: String, second: String)

  // Models split over several files
  /// The metadata say "part `number` of `count`", but the file's name does not.
  case splitName(file: String, number: Int, count: Int)
  case missingPart(file: String, number: Int, count: Int)
  case splitMismatch(file: String, key: String, expected: Int, found: Int)

  // Writing
  case tensorByteCount(file: String, tensor: String, expected: Int, found: Int)

  /// What was being read.
  public enum Place: Equatable, Sendable {
    case header
    case key(index: Int)
    case value(key: String)
    case tensorInfo(index: Int)
    case tensorData(tensor: String)
  }
}
