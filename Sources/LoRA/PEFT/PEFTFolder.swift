import GGUF

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The two files of a PEFT adapter, found from the path of either or of their folder.
struct PEFTFolder {
  let configuration: String
  let weights: String
  let path: String
  /// The folder's own name.
  let name: String

  private static let configurationName = "adapter_config.json"
  private static let weightNames = ["adapter_model.safetensors", "adapter_model.safetensors.index.json"]

  init(_ path: String) throws {
    let isFolder = Self.isFolder(path)
    let cut = path.lastIndex(of: "/")
    let folder = isFolder ? path : cut.map { String(path[..<$0]) } ?? "."
    let file = isFolder ? "" : String(cut.map { path[path.index(after: $0)...] } ?? path[...])
    self.path = folder
    configuration = folder + "/" + Self.configurationName
    guard Self.exists(configuration) else {
      throw AdapterError.incompleteFolder(
        folder: folder, missing: Self.configurationName,
        hint: Self.exists(folder + "/config.json")
          ? "its config.json is that of a whole model, which has to be converted to GGUF"
          : "of a training run, name the folder inside that has it, such as a checkpoint")
    }
    if isFolder || file == Self.configurationName {
      let found = Self.weightNames.first { Self.exists(folder + "/" + $0) }
      guard let found else {
        let isPickled = Self.exists(folder + "/adapter_model.bin")
        throw AdapterError.incompleteFolder(
          folder: folder, missing: Self.weightNames[0],
          hint: isPickled
            ? "adapter_model.bin is a pickle, which is not read; save the adapter with safe_serialization=True"
            : nil)
      }
      weights = folder + "/" + found
    } else {
      weights = path
    }
    let words = folder.split(separator: "/")
    name = words.last { $0 != "." }.map(String.init) ?? "adapter"
  }

  /// Does a path lead to a PEFT adapter rather than to a GGUF file?
  static func isPEFT(_ path: String) -> Bool {
    path.hasSuffix(".safetensors") || path.hasSuffix(".json") || isFolder(path)
  }

  private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}

extension Adapter {
  /// Does a path lead to a PEFT adapter (a folder, or one of its two files) rather than to a GGUF file?
  package static func isPEFT(path: String) -> Bool { PEFTFolder.isPEFT(path) }

  /// Reads an adapter in any form: a GGUF file, a PEFT folder, or one of the folder's two files.
  package static func read(path: String) throws -> Adapter {
    if PEFTFolder.isPEFT(path) { return try read(peft: path) }
    do {
      return try read(GGUFFile.open(path))
    } catch GGUFError.notGGUF(_, .safetensors) {
      return try read(peft: path)
    }
  }
}
