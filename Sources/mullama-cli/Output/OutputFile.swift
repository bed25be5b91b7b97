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
  /// - Throws: `CommandError.cannotWrite` for what is no file, such as a folder or `/dev/null`: it would be replaced.
  static func resolved(_ path: String) throws -> String {
    var status = stat()
    guard stat(path, &status) == 0 else { return path }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw CommandError.cannotWrite(file: path, code: EISDIR)
    default: throw CommandError.cannotWrite(file: path, code: EINVAL)
    }
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }
}

extension FileWeightType: ExpressibleByArgument {}
