import Foundation
import Testing

/// The real model that some tests need and that is too large to commit; `make model` puts it into the cache.
///
/// A test that needs it carries `.needsSmolLM2` and takes the path from `requireSmolLM2()`. Without the model it is then
/// reported as skipped, by name; where the environment sets `CI` it fails instead, so a run there cannot be green by skipping.
package enum TestModels {
  static let smolLM2File = "SmolLM2-135M-Instruct-Q4_1.gguf"

  /// The path of SmolLM2-135M-Instruct Q4_1 in the cache, or nil.
  package static var smolLM2: String? {
    FileManager.default.isReadableFile(atPath: smolLM2Location) ? smolLM2Location : nil
  }

  /// Whether a missing model is a failure: `CI` is set and is neither empty nor `false` nor `0`.
  package static var isRequired: Bool {
    let value = ProcessInfo.processInfo.environment["CI"] ?? ""
    return !["", "0", "false"].contains(value.lowercased())
  }

  /// As `smolLM2`, but throws `FixtureError.modelMissing`.
  package static func requireSmolLM2() throws -> String {
    guard let path = smolLM2 else { throw FixtureError.modelMissing(path: smolLM2Location) }
    return path
  }

  /// Where the model belongs: in `MULLAMA_CACHE`, else `XDG_CACHE_HOME/mullama`, else `~/.cache/mullama`.
  static var smolLM2Location: String { cacheFolder.appendingPathComponent(smolLM2File).path }

  private static var cacheFolder: URL {
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment["MULLAMA_CACHE"], !folder.isEmpty { return URL(fileURLWithPath: folder) }
    if let folder = environment["XDG_CACHE_HOME"], !folder.isEmpty {
      return URL(fileURLWithPath: folder).appendingPathComponent("mullama")
    }
    return FileManager.default.homeDirectoryForCurrentUser.appendingPathComponent(".cache/mullama")
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips the test, by name, where SmolLM2 is not in the cache; under `CI` the test runs and `requireSmolLM2()` fails it.
  package static var needsSmolLM2: Self {
    .enabled(
      if: TestModels.smolLM2 != nil || TestModels.isRequired,
      "SmolLM2-135M-Instruct is not in the cache: run `make model`")
  }
}
