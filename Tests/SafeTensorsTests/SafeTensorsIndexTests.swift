import Foundation
import GGUF
import SafeTensors
import TestSupport
import Testing

@Suite struct SafeTensorsIndexTests {
  private func open(_ index: String, _ files: [String: SafeTensorsDraft]) throws -> [String] {
    try withTemporaryDirectory { folder in
      for (name, draft) in files {
        try Data(draft.bytes()).write(to: folder.appendingPathComponent(name))
      }
      let path = folder.appendingPathComponent("m.safetensors.index.json")
      try Data(index.utf8).write(to: path)
      let file = try SafeTensorsFile.open(path.path)
      return file.tensors.map { "\($0.name) \(Array(file.bytes(of: $0)).count)" }
    }
  }

  private let one = SafeTensorsDraft([.init("a", [1], [1])])
  private let two = SafeTensorsDraft([.init("b", [2], [1, 2])])

  @Test func readsAllFiles() throws {
    let found = try open(
      #"{"metadata":{"total_size":12},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#,
      ["1.safetensors": one, "2.safetensors": two])
    #expect(found == ["a 4", "b 8"])
  }

  @Test(arguments: ["../1.safetensors", "/etc/passwd", "", "..", "x/1.safetensors"])
  func namesOutsideOfTheFolder(_ name: String) {
    #expect {
      try open(#"{"weight_map":{"a":"\#(name)"}}"#, ["1.safetensors": one])
    } throws: { error in
      if case SafeTensorsError.invalidIndex = error { true } else { false }
    }
  }

  @Test func promisesThatAreNotKept() {
    #expect {
      try open(#"{"weight_map":{"b":"1.safetensors"}}"#, ["1.safetensors": one])
    } throws: { error in
      if case SafeTensorsError.missingTensor(_, "b") = error { true } else { false }
    }
    #expect {
      try open(
        #"{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#,
        ["1.safetensors": one, "2.safetensors": one])
    } throws: { error in
      if case SafeTensorsError.duplicateTensor(_, "a") = error { true } else { false }
    }
    #expect {
      try open(#"{"weight_map":{"a":"3.safetensors"}}"#, [:])
    } throws: { error in
      if case GGUFError.missingFile = error { true } else { false }
    }
    #expect {
      try open(#"{"tensors":{}}"#, [:])
    } throws: { error in
      if case SafeTensorsError.invalidIndex = error { true } else { false }
    }
  }
}
