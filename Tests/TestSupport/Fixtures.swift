import Foundation

/// Finds files in the repository's `Fixtures/` folder.
///
/// The folder is found from where this source file was compiled, so tests pass whatever the working directory is.
package enum Fixtures {
  /// The repository's root folder.
  package static let repository: URL = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }  // Fixtures.swift, TestSupport, Tests
    return url
  }()

  /// The `Fixtures/` folder itself.
  package static let root = repository.appendingPathComponent("Fixtures")

  /// The file at `relativePath` below `Fixtures/`, as in `Fixtures.url("llama/model.gguf")`. It need not exist.
  package static func url(_ relativePath: String) -> URL {
    root.appendingPathComponent(relativePath)
  }

  /// As `url(_:)`, but a plain path.
  package static func path(_ relativePath: String) -> String {
    url(relativePath).path
  }

  /// The whole file at `relativePath`; throws Foundation's error if it cannot be read.
  package static func bytes(_ relativePath: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: url(relativePath)))
  }
}
