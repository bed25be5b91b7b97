import Foundation

/// Calls `body` with a new, empty folder and deletes it afterwards, whether or not `body` throws.
package func withTemporaryDirectory<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = try makeTemporaryDirectory()
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// Calls the asynchronous `body` with a new, empty folder and deletes it afterwards, whether or not `body` throws.
package func withTemporaryDirectory<Result: Sendable>(
  isolation: isolated (any Actor)? = #isolation, _ body: (URL) async throws -> Result
) async throws -> Result {
  let folder = try makeTemporaryDirectory()
  defer { try? FileManager.default.removeItem(at: folder) }
  return try await body(folder)
}

/// Calls `body` with the path of a temporary file that holds `bytes`, and deletes it afterwards.
package func withTemporaryFile<Result>(
  _ bytes: [UInt8], name: String = "file.gguf", _ body: (String) throws -> Result
) throws -> Result {
  try withTemporaryDirectory { folder in
    let file = folder.appendingPathComponent(name)
    try Data(bytes).write(to: file)
    return try body(file.path)
  }
}

private func makeTemporaryDirectory() throws -> URL {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("mullama-tests-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  return folder
}
