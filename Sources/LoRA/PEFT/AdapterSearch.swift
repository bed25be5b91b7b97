import GGUF

/// Where the adapter is that a path leads to.
///
/// A folder without one of its own may hold it one level below: a training run with one checkpoint, a download of the Hugging
/// Face hub (`models--owner--name/snapshots/revision`), a single GGUF file. Of several none is chosen.
enum AdapterSearch {
  enum Found: Equatable {
    /// A folder, or one of its two files.
    case peft(String)
    case gguf(String)
  }

  static func find(_ path: String) throws -> Found {
    guard Folder.isFolder(path) else {
      return Adapter.isPEFT(path: path) ? .peft(path) : .gguf(path)
    }
    var folder = path
    while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
    if hasConfiguration(folder) { return .peft(folder) }
    if let current = try snapshot(folder) { return .peft(current) }
    let inner = Folder.isFolder(folder + "/snapshots") ? "snapshots/" : ""
    let below = Folder.names(in: folder + "/" + inner).map { inner + $0 }
    let adapters = below.filter { hasConfiguration(folder + "/" + $0) }
    let files = Folder.names(in: folder).filter { $0.hasSuffix(".gguf") }
    let candidates = adapters.isEmpty ? files : adapters
    if candidates.count > 1 { throw AdapterError.severalAdapters(folder: folder, found: candidates) }
    guard let only = candidates.first else {
      throw AdapterError.incompleteFolder(
        folder: folder, missing: PEFTFolder.configurationName, hint: hint(folder))
    }
    return adapters.isEmpty ? .gguf(folder + "/" + only) : .peft(folder + "/" + only)
  }

  private static func hasConfiguration(_ folder: String) -> Bool {
    Folder.exists(folder + "/" + PEFTFolder.configurationName)
  }

  /// The revision of a hub's download that its `refs/main` names, if it holds an adapter.
  private static func snapshot(_ folder: String) throws -> String? {
    let reference = folder + "/refs/main"
    guard Folder.exists(reference), let file = try? MappedFile(path: reference), file.count <= 200 else {
      return nil
    }
    let revision =
      file.withBytes { String(decoding: $0, as: UTF8.self) }.split { $0.isWhitespace }.first ?? ""
    guard !revision.isEmpty, revision.allSatisfy({ $0.isLetter || $0.isNumber }) else { return nil }
    let found = "\(folder)/snapshots/\(revision)"
    return hasConfiguration(found) ? found : nil
  }

  /// What a folder without an adapter is, and what to do.
  private static func hint(_ folder: String) -> String {
    let names = Folder.names(in: folder)
    if names.isEmpty { return "the folder is empty" }
    if names.contains("config.json") {
      return "its config.json is that of a whole model, which has to be converted to GGUF"
    }
    if let weights = names.first(where: { $0.hasSuffix(".safetensors") || $0.hasSuffix(".bin") }) {
      return "\(weights) is of no use without it; PEFT saves both, copy it from where the weights come from"
    }
    if names.contains(where: { $0.hasPrefix("models--") }) {
      return "this is a cache of downloads: name the folder of one of its models"
    }
    let some = names.prefix(4).map { "'\($0)'" }.joined(separator: ", ")
    return "there is none in the folders in it either, and it holds only \(some)"
      + (names.count > 4 ? " and \(names.count - 4) more" : "")
  }
}
