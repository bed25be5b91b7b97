import GGUF

/// The index of tensors that are spread over several files: `{"weight_map": {tensor: file}}`.
struct SafeTensorsIndex {
  private let path: String
  /// File of each tensor, without a folder.
  private let files: [(tensor: String, file: String)]

  private static let sizeLimit = 100_000_000
  private static let fileLimit = 10_000

  init(_ path: String) throws {
    let file = try MappedFile(path: path)
    guard file.count <= Self.sizeLimit else {
      throw SafeTensorsError.headerTooLarge(file: path, limit: Self.sizeLimit, found: UInt64(file.count))
    }
    let root: JSON
    do { root = try JSON.parse(file.withBytes { Array($0) }) } catch {
      throw SafeTensorsError.invalidHeader(file: path, error: error)
    }
    guard let members = root["weight_map"]?.members else {
      throw SafeTensorsError.invalidIndex(file: path, reason: "it has no object 'weight_map'")
    }
    self.path = path
    files = try members.map { tensor, value in
      guard let name = value.string, !name.isEmpty, name != "..", !name.utf8.contains(UInt8(ascii: "/"))
      else {
        throw SafeTensorsError.invalidIndex(
          file: path,
          reason: "the file of '\(tensor)' is \(value.excerpt()), expected a name beside the index")
      }
      return (tensor, name)
    }
  }

  func open() throws -> SafeTensorsFile {
    var names: [String] = []
    var seen: Set<String> = []
    for (_, file) in files where seen.insert(file).inserted { names.append(file) }
    guard names.count <= Self.fileLimit else {
      throw SafeTensorsError.invalidIndex(file: path, reason: "it names more than \(Self.fileLimit) files")
    }
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    let opened = try SafeTensorsFile(try names.map { try MappedFile(path: folder + $0) }, path: path)
    for (tensor, _) in files where opened.tensor(tensor) == nil {
      throw SafeTensorsError.missingTensor(file: path, tensor: tensor)
    }
    return opened
  }
}
