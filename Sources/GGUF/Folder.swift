#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// What lies in a folder of the file system.
package enum Folder {
  /// Entries that are looked at.
  private static let limit = 10_000

  package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Is there anything of this name, be it a link that leads nowhere?
  package static func isListed(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Is there a folder of this name, or a link to one?
  package static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The names of what lies in a folder, hidden ones left out: short ones first, and those of one length by alphabet, so that
  /// numbers ascend. Empty if it cannot be read.
  package static func names(in path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while names.count < limit, let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { start in
        start.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: start.pointee)) {
          String(cString: $0)
        }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted { ($0.count, $0) < ($1.count, $1) }
  }
}
