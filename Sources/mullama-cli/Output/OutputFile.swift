import ArgumentParser
import Mullama

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where a file that the library writes goes.
enum OutputFile {
  /// The path to write to: the file itself where the name is a link to it.
  ///
  /// - Throws: `CommandError.cannotWrite` for what is no file, such as a folder, `/dev/null` or a link that leads nowhere: it
  ///   would be replaced.
  static func resolved(_ path: String) throws -> String {
    var status = stat()
    guard stat(path, &status) == 0 else {
      let code = errno
      guard lstat(path, &status) != 0, !path.isEmpty else {
        throw CommandError.cannotWrite(file: path, code: code)
      }
      return path
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw CommandError.cannotWrite(file: path, code: EISDIR)
    default: throw CommandError.cannotWrite(file: path, code: EINVAL)
    }
    return real(path) ?? path
  }

  /// Throws `CommandError.wouldReplaceInput` if a resolved path is that of one of these files.
  ///
  /// - Parameter output: the path as the user named it.
  static func check(_ path: String, namedAs output: String, isNoneOf inputs: [String]) throws {
    if inputs.contains(where: { real($0) == path }) { throw CommandError.wouldReplaceInput(file: output) }
  }

  private static func real(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }
}

extension FileWeightType: ExpressibleByArgument {}
