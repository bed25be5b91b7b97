import Foundation
import LoRA
import SafeTensors
import TestSupport

/// A PEFT folder to be changed and written: fields of `adapter_config.json` as JSON texts, and tensors.
struct PEFTDraft {
  private(set) var fields: [(key: String, value: String)] = [
    ("peft_type", "\"LORA\""), ("r", "4"), ("lora_alpha", "8"), ("target_modules", "null"),
  ]
  var weights = SafeTensorsDraft()
  /// Other files of the folder, by name: those of a tokenizer.
  var files: [String: String] = [:]

  /// nil removes the field.
  subscript(key: String) -> String? {
    get { fields.first { $0.key == key }?.value }
    set {
      fields.removeAll { $0.key == key }
      if let newValue { fields.append((key, newValue)) }
    }
  }

  static let prefix = "base_model.model."

  mutating func put(_ name: String, _ shape: [Int], _ values: [Float]) {
    weights.tensors.removeAll { $0.name == Self.prefix + name }
    weights.put(Self.prefix + name, shape, values)
  }

  mutating func put(_ name: String, _ shape: [Int], seed: UInt64 = 1, deviation: Float = 0.2) {
    var random = SplitMix64(seed: seed &+ UInt64(name.utf8.reduce(0) { ($0 &* 31) &+ UInt64($1) }))
    put(name, shape, random.normals(shape.reduce(1, *), deviation: deviation))
  }

  mutating func addPair(_ module: String, inputs: Int, outputs: Int, rank: Int = 4, seed: UInt64 = 1) {
    put(module + ".lora_A.weight", [rank, inputs], seed: seed, deviation: 1 / Float(inputs).squareRoot())
    put(module + ".lora_B.weight", [outputs, rank], seed: seed, deviation: 0.1)
  }

  /// The configuration's text.
  var configuration: String {
    "{" + fields.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}"
  }

  /// Reads the adapter from a folder made for it; the files stay mapped after the folder is gone.
  func adapter() throws -> LoRA.Adapter {
    try withFolder { try LoRA.Adapter.read(path: $0) }
  }

  func withFolder<R>(_ body: (String) throws -> R) throws -> R {
    try withTemporaryDirectory { folder in
      try Data(configuration.utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
      try Data(weights.bytes()).write(to: folder.appendingPathComponent("adapter_model.safetensors"))
      for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
      return try body(folder.path)
    }
  }
}

extension PEFTDraft {
  /// A folder as it lies on disk, float32 tensors.
  init(folder: String) throws {
    let text = try Data(contentsOf: URL(fileURLWithPath: folder + "/adapter_config.json"))
    let root = try JSON.parse(Array(text))
    for (key, value) in root.members ?? [] { self[key] = value.excerpt(100_000) }
    let file = try SafeTensorsFile.open(folder + "/adapter_model.safetensors")
    weights.tensors = file.tensors.map { tensor in
      .init(tensor.name, type: tensor.type.rawValue, tensor.shape, Array(file.bytes(of: tensor)))
    }
  }

  /// Changes the values of float32 tensors in place.
  mutating func edit(_ body: (_ name: String, _ shape: [Int], _ values: inout [Float]) -> Void) {
    for (index, tensor) in weights.tensors.enumerated() {
      var values = tensor.floats
      body(tensor.name, tensor.shape, &values)
      weights.tensors[index] = .init(tensor.name, tensor.shape, values)
    }
  }
}
