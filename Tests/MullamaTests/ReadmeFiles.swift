import Foundation
import TestSupport

/// The files that the README's examples name, played by small ones from `Fixtures/`.
enum ReadmeFiles {
  /// The path of the fixture that stands for a file of the README.
  static func path(_ name: String) -> String {
    switch name {
    case "base.gguf": Fixtures.path("llama/model.gguf")
    case "adapter.gguf", "code.gguf": Fixtures.path("llama/adapters/lora/adapter.gguf")
    case "style.gguf": Fixtures.path("llama/adapters/lora2/adapter.gguf")
    default: preconditionFailure("no fixture stands for \(name)")
    }
  }

  /// The Swift examples of the README, in order.
  static func examples() throws -> [String] {
    let file = Fixtures.repository.appendingPathComponent("README.md")
    let text = try String(contentsOf: file, encoding: .utf8)
    return text.components(separatedBy: "```swift\n").dropFirst().map { part in
      part.components(separatedBy: "\n```")[0]
    }
  }

  /// Code without what may differ between the README and a test: white space, and `path("x")` for `"x"`.
  static func normalized(_ code: String) -> String {
    code.replacing(/path\(("[^"]*")\)/) { "\($0.1)" }.split(whereSeparator: \.isWhitespace).joined(
      separator: " ")
  }
}
