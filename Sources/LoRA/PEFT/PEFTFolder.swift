import GGUF

/// The two files of a PEFT adapter, found from the path of either or of their folder.
struct PEFTFolder {
  let configuration: String
  let weights: String
  let path: String
  /// The folder's own name; of a download the repository's.
  let name: String

  static let configurationName = "adapter_config.json"
  private static let weightNames = ["adapter_model.safetensors", "adapter_model.safetensors.index.json"]
  private static let pickle = "adapter_model.bin"
  static let pickleAdvice =
    "a pickle, which is not read because it can run programs; load the adapter with PEFT and save it again "
    + "(save_pretrained), which writes safetensors"

  init(_ path: String) throws(AdapterError) {
    let isFolder = Folder.isFolder(path)
    let folder = isFolder ? path : Self.parent(of: path)
    let file = isFolder ? "" : String(path.split(separator: "/").last ?? "")
    self.path = folder
    configuration = folder + "/" + Self.configurationName
    guard Folder.exists(configuration) else {
      throw AdapterError.incompleteFolder(
        folder: folder, missing: Self.configurationName,
        hint: Folder.exists(folder + "/config.json")
          ? "its config.json is that of a whole model, which has to be converted to GGUF"
          : "\(file) is of no use without it; PEFT saves both, copy it from where the file comes from")
    }
    if isFolder || file == Self.configurationName {
      weights = try Self.weights(in: folder)
    } else {
      weights = path
    }
    name = Self.name(of: folder)
  }

  private static func weights(in folder: String) throws(AdapterError) -> String {
    if let found = weightNames.first(where: { Folder.exists(folder + "/" + $0) }) {
      return folder + "/" + found
    }
    throw .incompleteFolder(
      folder: folder, missing: weightNames[0],
      hint: Folder.exists(folder + "/" + pickle)
        ? "\(pickle) is " + pickleAdvice : "the weights were not saved, or not downloaded")
  }

  static func parent(of path: String) -> String {
    guard let cut = path.lastIndex(of: "/") else { return "." }
    return cut == path.startIndex ? "/" : String(path[..<cut])
  }

  /// `models--owner--sql/snapshots/0123abc` is called `sql`.
  private static func name(of folder: String) -> String {
    let words = folder.split(separator: "/").filter { $0 != "." }
    if words.count > 2, words[words.count - 2] == "snapshots", words[words.count - 3].hasPrefix("models--") {
      let repository = words[words.count - 3]
      if let end = repository.ranges(of: "--").last?.upperBound, end < repository.endIndex {
        return String(repository[end...])
      }
    }
    return words.last.map(String.init) ?? "adapter"
  }
}

extension Adapter {
  /// Is a path that of a folder, or of a file as PEFT folders have them, rather than of a GGUF file?
  package static func isPEFT(path: String) -> Bool {
    path.hasSuffix(".safetensors") || path.hasSuffix(".json") || Folder.isFolder(path)
  }

  /// Reads an adapter in any form: a GGUF file, a PEFT folder, one of the folder's two files, or a folder that holds one
  /// of these (`AdapterSearch`).
  package static func read(path: String) throws -> Adapter {
    switch try AdapterSearch.find(path) {
    case .peft(let path): return try read(peft: path)
    case .gguf(let path):
      do {
        return try read(GGUFFile.open(path))
      } catch GGUFError.notGGUF(_, .safetensors) {
        return try read(peft: path)
      } catch GGUFError.notGGUF(let file, let found) {
        if let reason = advice(file, found) {
          throw AdapterError.notAnAdapterFile(file: file, reason: reason)
        }
        throw GGUFError.notGGUF(file: file, found: found)
      }
    }
  }

  /// What a file is that was given for an adapter; nil: nothing is known but that it is none.
  private static func advice(_ file: String, _ found: ForeignFormat) -> String? {
    let folder = PEFTFolder.parent(of: file)
    if Folder.exists(folder + "/" + PEFTFolder.configurationName), !file.hasSuffix("/adapter_model.bin") {
      return "it lies beside one; name the folder, \(folder)"
    }
    return switch found {
    case .zip where file.hasSuffix(".zip"): "it is a zip archive; unpack it and name the folder"
    case .zip, .pickle: "it is " + PEFTFolder.pickleAdvice
    default: nil
    }
  }
}
