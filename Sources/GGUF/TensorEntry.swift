/// A tensor as the file describes it: a name of its own and a known type, but size and offset not yet checked.
/// Source: `gguf_tensor_info_t` in the GGUF specification.
struct TensorEntry {
  let name: String
  let type: TensorType
  let dimensions: [Int]
  /// Bytes from the start of the tensor data.
  let offset: UInt64

  static func read(_ reader: inout ByteReader, count: UInt64) throws(GGUFError) -> [TensorEntry] {
    // The shortest entry: a name of one byte behind its length, no dimensions, a type, an offset.
    try reader.require(count, of: 8 + 1 + 4 + 4 + 8, at: .header)
    var entries: [TensorEntry] = []
    entries.reserveCapacity(Int(count))
    var names: Set<String> = []
    for index in 0..<Int(count) {
      let entry = try TensorEntry(&reader, index: index)
      guard names.insert(entry.name).inserted else {
        throw .duplicateTensor(file: reader.file.path, tensor: entry.name)
      }
      entries.append(entry)
    }
    return entries
  }

  private init(_ reader: inout ByteReader, index: Int) throws(GGUFError) {
    let file = reader.file.path
    let place = GGUFError.Place.tensorInfo(index: index)
    let name = try reader.name(limit: TensorInfo.nameLimit, at: place)
    let dimensionCount = try reader.number(UInt32.self, at: place)
    guard dimensionCount <= 4 else {
      throw .dimensionCount(file: file, tensor: name, found: Int(dimensionCount))
    }
    let found = try reader.numbers(Int64.self, count: UInt64(dimensionCount), at: place)
    if let index = found.firstIndex(where: { $0 <= 0 }) {
      throw .invalidDimension(file: file, tensor: name, index: index, found: found[index])
    }
    let typeNumber = try reader.number(UInt32.self, at: place)
    guard let type = TensorType(rawValue: typeNumber) else {
      throw .unknownTensorType(file: file, tensor: name, found: typeNumber)
    }
    self.name = name
    self.type = type
    // A scalar may be written without dimensions.
    dimensions = found.isEmpty ? [1] : found.map { Int($0) }
    offset = try reader.number(UInt64.self, at: place)
  }
}
