import GGUF
import LoRA

extension Model {
  /// The files it was read from.
  package var files: [String] { decoder.file.paths }
}

extension LoRAAdapter {
  /// The files it was read from; of a PEFT folder all that lie in it but GGUF files, which may have been made from it.
  package var files: [String] {
    guard architecture == nil else { return [path] }
    let folder = Folder.isFolder(path) ? path : Self.parent(of: path)
    return Folder.names(in: folder).filter { !$0.hasSuffix(".gguf") }.map { folder + "/" + $0 }
  }

  private static func parent(of path: String) -> String {
    guard let cut = path.lastIndex(of: "/") else { return "." }
    return cut == path.startIndex ? "/" : String(path[..<cut])
  }
}
