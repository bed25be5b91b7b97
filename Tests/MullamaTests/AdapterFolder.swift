import Foundation
import TestSupport

/// A PEFT folder for the tiny models that replaces their last norm and has other files beside it.
struct AdapterFolder {
  static let configuration = "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8}"

  /// By name.
  var files: [String: String] = ["adapter_config.json": configuration]
  var weights: SafeTensorsDraft

  init(norm: Float = 1.25, _ files: [String: String] = [:]) {
    self.files.merge(files) { $1 }
    weights = SafeTensorsDraft()
    weights.put("base_model.model.model.norm.weight", [64], .init(repeating: norm, count: 64))
  }

  /// Writes the folder and calls `body` with its path; what was mapped stays so after it is gone.
  func with<R>(_ body: (String) throws -> R) throws -> R {
    try withTemporaryDirectory { folder in
      try write(to: folder)
      return try body(folder.path)
    }
  }

  func write(to folder: URL) throws {
    for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
    try Data(weights.bytes()).write(to: folder.appendingPathComponent("adapter_model.safetensors"))
  }
}
